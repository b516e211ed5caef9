//! Run directories of any size, written line by line so that the writer needs no memory.

use std::{
    fs::OpenOptions,
    io::{BufWriter, Write},
    path::Path,
};

use firedrill_model::{capture::CaptureName, run_dir::RunDir};
use serde::Serialize;

use super::{World, entry, orders, put, running_total, totals};

/// Orders of customers that sort behind those of the hand-built world. Each has its own customer, and came back whole.
pub fn save(root: &Path, orders_count: u64) -> RunDir {
    World::whole().save_with(root, |dir| {
        let mut ledger = appender(&dir.ledger());
        let captures = [CaptureName::Recovered, CaptureName::Drained];
        let mut content = captures.map(|capture| appender(&dir.content(capture, &orders())));
        let mut sums = appender(&dir.content(CaptureName::Drained, &totals()));
        for number in 0..orders_count {
            let mut line = put(&orders(), &format!("D-{number:08}#2026-11-23"), &format!("d-{number}-1"), 2_000);
            (line.writer, line.seq) = ("bulk".to_owned(), number);
            append(&mut ledger, &line);
            for file in &mut content {
                append(file, &entry(&line));
            }
            append(&mut sums, &running_total(&format!("D-{number:08}"), &[(&line, false)]));
        }
        for file in content.iter_mut().chain([&mut ledger, &mut sums]) {
            file.flush().unwrap();
        }
    })
}

fn appender(path: &Path) -> BufWriter<std::fs::File> {
    BufWriter::new(OpenOptions::new().append(true).open(path).unwrap())
}

fn append(file: &mut impl Write, value: &impl Serialize) {
    serde_json::to_writer(&mut *file, value).unwrap();
    file.write_all(b"\n").unwrap();
}
