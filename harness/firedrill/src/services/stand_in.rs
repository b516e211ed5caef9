//! For tests: a service that answers as the test says, for what an emulator does not do.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// A request as the stand-in got it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) body: Vec<u8>,
}

/// Status with its reason, and body.
pub(crate) type Answer = (&'static str, String);

/// Answers each request by `answer` for as long as the test program runs; returns its URL.
pub(crate) fn answering(answer: impl FnMut(&Request) -> Answer + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(Mutex::new(answer));
    thread::spawn(move || {
        for connection in listener.incoming() {
            let (mut connection, answer) = (connection.unwrap(), Arc::clone(&answer));
            // A client may open a connection and never use it.
            thread::spawn(move || {
                let Some(request) = received(&connection) else { return };
                let mut answer = answer.lock().unwrap();
                let (status, text) = (*answer)(&request);
                let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", text.len());
                connection.write_all((head + &text).as_bytes()).unwrap();
            });
        }
    });
    url
}

/// The one request of a connection; `None` when nothing was sent.
fn received(connection: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(connection);
    let mut head = Vec::new();
    while head.last().is_none_or(|line: &String| line.trim() != "") {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        head.push(line);
    }
    let length = head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    let mut words = head[0].split(' ').map(str::to_owned);
    Some(Request { method: words.next()?, target: words.next()?, body })
}
