//! A package index on the loopback interface, in miniature, that remembers what it was asked.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};

/// Serves `/simple/<project>/` and `/files/<name>`, as an index and, when asked for whole addresses, as a proxy. Its thread
/// ends with the process; [`Index::stop`] makes it hang up on everybody.
pub(super) struct Index {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    files: BTreeMap<String, Vec<u8>>,
    /// `user:password` that must come with every request.
    credentials: Option<String>,
    /// How long a file takes.
    pace: Duration,
    requests: Mutex<Vec<String>>,
    stopped: Mutex<bool>,
}

impl Index {
    pub(super) fn serve(files: BTreeMap<String, Vec<u8>>, credentials: Option<&str>, pace: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            files,
            credentials: credentials.map(str::to_owned),
            pace,
            requests: Mutex::default(),
            stopped: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&serving);
                // Who breaks off gets no answer.
                thread::spawn(move || drop(shared.answer(&stream)));
            }
        });
        Self { address, shared }
    }

    /// `127.0.0.1:port`.
    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }

    /// What was asked, as `GET address`.
    pub(super) fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// How often something that ends so was asked for and given.
    pub(super) fn given(&self, end: &str) -> usize {
        self.requests().iter().filter(|request| request.ends_with(end)).count()
    }

    /// Answers nobody any more.
    pub(super) fn stop(&self) {
        *self.shared.stopped.lock().unwrap() = true;
    }
}

impl Shared {
    fn answer(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream).lines();
        let first = lines.next().transpose()?.unwrap_or_default();
        let mut authorization = String::new();
        for line in lines {
            let line = line?;
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().starts_with("authorization: basic ").then(|| &line[21..]) {
                authorization =
                    String::from_utf8_lossy(&BASE64_STANDARD.decode(value).unwrap_or_default()).into_owned();
            }
        }
        if *self.stopped.lock().unwrap() {
            return Ok(());
        }
        if self.credentials.as_ref().is_some_and(|wanted| *wanted != authorization) {
            return say(stream, "401 Unauthorized", "WWW-Authenticate: Basic realm=\"index\"\r\n", b"who are you?");
        }
        let address = first.split(' ').nth(1).unwrap_or_default();
        self.requests.lock().unwrap().push(format!("GET {address}"));
        // A proxy is asked for the whole address.
        let path = match address.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
            None => address,
        };
        if let Some(file) = path.strip_prefix("/files/").and_then(|name| self.files.get(name)) {
            thread::sleep(self.pace);
            return say(stream, "200 OK", "Content-Type: application/octet-stream\r\n", file);
        }
        if let Some(project) = path.strip_prefix("/simple/").and_then(|rest| rest.strip_suffix('/')) {
            let of_project = |name: &&String| name.split('-').next().unwrap_or_default().replace('_', "-") == project;
            let links =
                self.files.keys().filter(of_project).map(|name| format!("<a href=\"/files/{name}\">{name}</a>\n"));
            let page = format!("<!DOCTYPE html><html><body>\n{}</body></html>", links.collect::<String>());
            return say(stream, "200 OK", "Content-Type: text/html\r\n", page.as_bytes());
        }
        say(stream, "404 Not Found", "", b"no such page")
    }
}

fn say(mut stream: &TcpStream, status: &str, headers: &str, body: &[u8]) -> std::io::Result<()> {
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n")?;
    stream.write_all(body)?;
    stream.flush()?;
    // Closing with bytes unread would reset the connection.
    stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    drop(stream.read(&mut [0; 64]));
    Ok(())
}
