//! A Python without `ensurepip`, as Debian ships it, made from the one that is here; and what is installed with it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    io::{Cursor, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use firedrill::target::install::find_python;
use zip::{ZipWriter, write::SimpleFileOptions};

/// The Python of this machine.
struct Here {
    /// Its program, links resolved.
    program: PathBuf,
    /// Its standard library.
    library: PathBuf,
}

fn here() -> Option<Here> {
    let ask = "import os, sys; print(os.path.realpath(getattr(sys, '_base_executable', sys.executable)), os.path.dirname(os.__file__), sep='\\n')";
    let found = find_python().ok()?;
    let output = Command::new(found.program).args(["-I", "-c", ask]).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut lines = text.lines();
    Some(Here { program: lines.next()?.into(), library: lines.next()?.into() })
}

/// Makes `folder/bin/python3`, a Python whose standard library is that of this machine's Python without `ensurepip`. `None`
/// when this machine's Python cannot be moved.
pub(super) fn python(folder: &Path) -> Option<PathBuf> {
    let here = here()?;
    let library = folder.join("lib").join(here.library.file_name()?);
    fs::create_dir_all(&library).ok()?;
    fs::create_dir_all(folder.join("bin")).ok()?;
    let link_all = |from: &Path, to: &Path, of: &dyn Fn(&str) -> bool| -> Option<()> {
        for entry in fs::read_dir(from).ok()? {
            let entry = entry.ok()?;
            if of(entry.file_name().to_str()?) {
                std::os::unix::fs::symlink(entry.path(), to.join(entry.file_name())).ok()?;
            }
        }
        Some(())
    };
    link_all(&here.library, &library, &|name| {
        name != "ensurepip" && name != "site-packages" && name != "dist-packages"
    })?;
    link_all(here.library.parent()?, &folder.join("lib"), &|name| name.starts_with("libpython"))?;
    fs::create_dir(library.join("ensurepip")).ok()?;
    let absent = "raise ImportError('ensurepip is shipped apart on this system')\n";
    fs::write(library.join("ensurepip/__init__.py"), absent).ok()?;
    let program = folder.join("bin/python3");
    // A copy: Python looks for its library beside the program that a link points to.
    fs::copy(&here.program, &program).ok()?;
    let works = Command::new(&program).args(["-I", "-c", "import ssl, venv"]).stderr(Stdio::null()).status().ok()?;
    works.success().then_some(program)
}

/// A wheel of pip that this machine has for its own use: name and bytes.
pub(super) fn pip_wheel() -> Option<(String, Vec<u8>)> {
    let folders = [here()?.library.join("ensurepip/_bundled"), "/usr/share/python-wheels".into()];
    let mut wheels = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().filter_map(Result::ok);
    wheels.find_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let is_pip = name.starts_with("pip-") && Path::new(&name).extension() == Some("whl".as_ref());
        is_pip.then(|| fs::read(entry.path()).ok()).flatten().map(|bytes| (name, bytes))
    })
}

/// Name of the stand-in's wheel.
pub(super) const WHEEL: &str = "firedrill_stand_in-1.0-py3-none-any.whl";

/// A wheel with the modules that an installed emulator must have, all of them empty.
pub(super) fn wheel() -> Vec<u8> {
    let info = "firedrill_stand_in-1.0.dist-info";
    let mut files: Vec<(String, String)> =
        ["boto3/__init__.py", "hypercorn/__init__.py", "ministack/__init__.py", "ministack/app.py"]
            .map(|name| (name.to_owned(), String::new()))
            .to_vec();
    files.push((
        format!("{info}/METADATA"),
        "Metadata-Version: 2.1\nName: firedrill-stand-in\nVersion: 1.0\n".to_owned(),
    ));
    files.push((
        format!("{info}/WHEEL"),
        "Wheel-Version: 1.0\nGenerator: firedrill\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned(),
    ));
    let record: String = files.iter().map(|(name, _)| format!("{name},,\n")).collect();
    files.push((format!("{info}/RECORD"), format!("{record}{info}/RECORD,,\n")));
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}
