//! `firedrill proxy` as a program: what it is given, what it says, how it ends.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStdout, Stdio},
    thread,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use support::{firedrill, root, run};

/// Answers every request with 200 and no body, as an emulator would that knows everything.
fn emulator() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            if stream.read(&mut head).is_ok_and(|length| length > 0) {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            }
        }
    });
    url
}

struct Proxy {
    program: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    address: String,
}

impl Proxy {
    fn start(more: &[&str]) -> Self {
        let upstream = emulator();
        let args = ["proxy", "--listen", "127.0.0.1:0", "--seed", "5eed", "--upstream", &upstream];
        let mut program = firedrill(&[&args, more].concat()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let address = first.strip_prefix("listening on http://").unwrap().split(' ').next().unwrap().to_owned();
        assert_eq!(first, format!("listening on http://{address}   in front of {upstream}/   seed 5eed"));
        Self { program, lines, address }
    }

    /// The status that a request is answered with.
    fn ask(&self, method: &str, path: &str, body: &str) -> u16 {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let scope = "AWS4-HMAC-SHA256 Credential=k/20261123/us-east-1/s3/aws4_request";
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: h\r\nAuthorization: {scope}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        String::from_utf8_lossy(&status[9..]).parse().unwrap()
    }

    /// Ends it; what it still said.
    fn end(mut self, signal: Signal) -> (Option<i32>, Vec<String>) {
        kill(Pid::from_raw(i32::try_from(self.program.id()).unwrap()), signal).unwrap();
        let said = self.lines.map(Result::unwrap).collect();
        (self.program.wait().unwrap().code(), said)
    }
}

#[test]
fn rules_of_a_file_and_of_clients_stand_until_it_is_told_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yaml");
    fs::write(&file, "- { service: s3, operation: GetObject, first: 1, error: { statusCode: 500 } }\n").unwrap();
    let mut proxy = Proxy::start(&["--rules", file.to_str().unwrap()]);
    assert_eq!(proxy.lines.next().unwrap().unwrap(), "1 rule stands");
    let statuses = [(); 3].map(|()| proxy.ask("GET", "/bucket/key", ""));
    assert_eq!(statuses, [500, 200, 200]);
    assert_eq!(proxy.ask("PATCH", "/_localstack/chaos/faults", r#"{"operation": "Put*"}"#), 200);
    assert_eq!(proxy.lines.next().unwrap().unwrap(), "2 rules stand");
    assert_eq!(proxy.ask("PUT", "/bucket/key", ""), 503);
    let (code, said) = proxy.end(Signal::SIGTERM);
    assert_eq!(code, Some(0));
    insta::assert_snapshot!(said.join("\n"), @r"
    4 requests came
      rules 1   error        struck 1 of 3   s3 GetObject
      rules 2   error        struck 1 of 1   Put*
    ");
}

#[test]
fn the_rules_that_ship_can_be_used() {
    let shipped = root().join("fixtures/rules/slow-and-throttled.yaml");
    let mut proxy = Proxy::start(&["--rules", shipped.to_str().unwrap()]);
    assert_eq!(proxy.lines.next().unwrap().unwrap(), "4 rules stand");
    assert_eq!(proxy.end(Signal::SIGINT).0, Some(0));
}

#[test]
fn what_cannot_be_used_is_told_and_exits_64() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let shape = file("shape.yaml", "- servce: s3\n- first: many\n");
    let meaning = file("meaning.yaml", "- { probability: 2 }\n- { effect: duplicate, side: response }\n");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let held = TcpListener::bind(&taken).unwrap();
    let local = ["--upstream", "http://127.0.0.1:1"];
    for (more, says) in [
        (vec!["--rules", &shape], vec!["servce", "did you mean `service`?", "`[1].first`"]),
        (vec!["--rules", &meaning], vec!["rule 1: `probability` is 2", "rule 2: `duplicate` is for requests"]),
        (vec!["--rules", "nowhere.yaml"], vec!["`nowhere.yaml` cannot be read"]),
        (vec!["--listen", "0.0.0.0:0"], vec!["a token is needed"]),
        (vec!["--listen", &taken], vec!["cannot listen on", "give another address with `--listen`"]),
        (vec!["--seed", "x"], vec!["--seed"]),
    ] {
        let output = run(&[&["proxy"][..], &local, &more].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(64), "{more:?}: {said}");
        for words in says {
            assert!(said.contains(words), "{more:?}: {said}");
        }
    }
    drop(held);
    let tls = ["--upstream", "https://127.0.0.1:1", "--upstream-ca"];
    for (args, says) in [
        ([&tls[..], &["nowhere.pem"]].concat(), "No such file"),
        ([&tls[..], &[meaning.as_str()]].concat(), "there is no certificate"),
        ([&local[..], &["--upstream-ca", meaning.as_str()]].concat(), "speaks no TLS"),
    ] {
        let output = run(&[&["proxy"], &args[..]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(64) && said.contains(says), "{args:?}: {said}");
    }
    for (upstream, says) in [
        ("ftp://h", "no HTTP address"),
        ("https://user:secret@h", "a name or a password"),
        ("http://h/path", "has a path"),
    ] {
        let output = run(&["proxy", "--upstream", upstream]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(64) && said.contains(says), "{upstream}: {said}");
        assert!(!said.contains("secret"), "{said}");
    }
}
