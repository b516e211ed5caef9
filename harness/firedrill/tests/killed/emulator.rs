//! A stand-in for the emulator: it listens where the emulator would, and knows so much of each service that every disaster
//! finds something to change. It starts in milliseconds.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use firedrill::target::install::{ENGINE, find_python, place};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::root;

/// Set in the process that is the stand-in: the file of the items that its tables hold.
const ITEMS: &str = "FIREDRILL_KILLED_ITEMS";

/// How many `DeleteObjects` it takes until a bucket is empty.
const DELETES: usize = 2;

/// Makes a cache folder whose emulator is this stand-in. Its tables hold `items`.
pub fn install(cache: &Path, items: &Value) {
    let bin = place(cache).join("bin");
    fs::create_dir_all(&bin).unwrap();
    let requirements = fs::read(root().join("fixtures/emulator/requirements.txt")).unwrap();
    let stamp = json!({
        "engine": ENGINE, "requirements_sha256": hex::encode(Sha256::digest(requirements)), "python": "", "installer": "",
    });
    fs::write(place(cache).join("firedrill.json"), stamp.to_string()).unwrap();
    let kept = cache.join("items.json");
    fs::write(&kept, items.to_string()).unwrap();
    let (python, program) = (find_python().unwrap().program, std::env::current_exe().unwrap());
    // What asks whether the emulator is installed is answered by an end without an error.
    let script = format!(
        "#!/bin/sh\ncase $2 in\n-S) exec '{}' \"$@\" ;;\n-m) {ITEMS}='{}' exec '{}' --exact as_emulator --nocapture ;;\nesac\n",
        python.display(),
        kept.display(),
        program.display()
    );
    let path = bin.join("python");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Serves until it is ended, in the process that is to be the stand-in; in any other, returns at once.
pub fn serve() {
    let Some(items) = std::env::var_os(ITEMS).map(PathBuf::from) else { return };
    let items: Value = serde_json::from_slice(&fs::read(items).unwrap()).unwrap();
    let port = std::env::var("GATEWAY_PORT").unwrap().parse().unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let deletes = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for stream in listener.incoming() {
            let (items, deletes) = (&items, &deletes);
            // A client that went away is no failure.
            scope.spawn(move || drop(converse(&stream.unwrap(), items, deletes)));
        }
    });
}

/// A request, as far as its answer depends on it.
struct Request {
    method: String,
    path: String,
    query: String,
    target: String,
    body: Vec<u8>,
}

fn converse(stream: &TcpStream, items: &Value, deletes: &AtomicUsize) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while let Some(request) = read(&mut reader)? {
        let (status, kind, body) = answer(&request, items, deletes);
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\netag: \"0\"\r\n\r\n");
        writer.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
    }
    Ok(())
}

/// The next request of a connection; `None` at its end.
fn read(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ');
    let (method, uri) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default());
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let mut request =
        Request { method, path: path.to_owned(), query: query.to_owned(), target: String::new(), body: Vec::new() };
    let (mut length, mut chunked) = (0, false);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().map_err(io::Error::other)?,
            "transfer-encoding" => chunked = true,
            "x-amz-target" => value.trim().clone_into(&mut request.target),
            _ => {}
        }
    }
    while chunked {
        let mut size = String::new();
        reader.read_line(&mut size)?;
        let size = usize::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
        io::copy(&mut reader.by_ref().take(size as u64 + 2), &mut io::sink())?;
        chunked = size > 0;
    }
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body)?;
    Ok(Some(request))
}

/// Status, content type and body.
fn answer(request: &Request, items: &Value, deletes: &AtomicUsize) -> (&'static str, &'static str, String) {
    const JSON: &str = "application/json";
    const XML: &str = "application/xml";
    let ok = |of: Value| ("200 OK", JSON, of.to_string());
    if let Some((_, operation)) = request.target.split_once('.') {
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        return match operation {
            "Scan" if asked["Segment"].as_u64().unwrap_or_default() == 0 => ok(json!({ "Items": items })),
            "DescribeTable" => ("400 Bad Request", JSON, json!({ "__type": "ResourceNotFoundException" }).to_string()),
            _ => ok(json!({})),
        };
    }
    if request.path.contains("/functions/") {
        // One answer for whatever is asked about a function: each operation finds in it what it needs.
        let active = json!({ "State": "Active", "LastUpdateStatus": "Successful", "Version": "1" });
        let mut all = active.clone();
        all["Configuration"] = active;
        return ok(all);
    }
    if request.path.contains("/event-source-mappings") {
        return ok(json!({ "EventSourceMappings": [] }));
    }
    let asks = |what: &str| request.query.split('&').any(|part| part.split('=').next() == Some(what));
    match request.method.as_str() {
        "GET" if asks("versions") => ("200 OK", XML, versions(deletes.load(Ordering::Relaxed) < DELETES)),
        "GET" if asks("notification") => ("200 OK", XML, "<NotificationConfiguration/>".to_owned()),
        "POST" if asks("delete") => {
            deletes.fetch_add(1, Ordering::Relaxed);
            ("200 OK", XML, "<DeleteResult/>".to_owned())
        }
        "GET" if !request.query.is_empty() => ("200 OK", XML, "<Nothing/>".to_owned()),
        "GET" => ("200 OK", "text/plain", "content".to_owned()),
        "DELETE" => ("204 No Content", XML, String::new()),
        _ => ("200 OK", XML, String::new()),
    }
}

/// Two objects, or none.
fn versions(any: bool) -> String {
    let version = |key: &str| {
        format!(
            "<Version><Key>{key}</Key><VersionId>v-{key}</VersionId><IsLatest>true</IsLatest><Size>7</Size>\
             <LastModified>2026-01-01T00:00:00.000Z</LastModified></Version>"
        )
    };
    let listed: String = ["one", "two"].into_iter().filter(|_| any).map(version).collect();
    format!(
        "<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>{listed}</ListVersionsResult>"
    )
}
