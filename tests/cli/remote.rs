//! Images at addresses, from a server on this machine.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;

use crate::support::{fixture, program, run};

fn image() -> PathBuf {
    std::fs::read_dir(fixture("today/result/iso")).unwrap().next().unwrap().unwrap().path()
}

/// Serves the image with ranges, as long as the test runs. Returns its address.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://127.0.0.1:{}/a.iso", listener.local_addr().unwrap().port());
    let all = std::fs::read(image()).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut range = (0, all.len());
            for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                let line = line.unwrap().to_ascii_lowercase();
                if let Some((from, to)) = line.strip_prefix("range: bytes=").and_then(|value| value.split_once('-')) {
                    range = (from.parse().unwrap(), all.len().min(to.parse::<usize>().unwrap() + 1));
                }
                if line.is_empty() {
                    break;
                }
            }
            let (from, to) = range;
            let head = format!(
                "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{}/{}\r\n\r\n",
                to - from,
                to - 1,
                all.len()
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&all[from..to]));
        }
    });
    address
}

#[test]
fn an_address_is_answered_like_the_file_behind_it() {
    let (address, file) = (serve(), image().display().to_string());
    for arguments in [&["packages"][..], &["access"], &["verify"], &["check", "--package", "git"]] {
        let with = |image: &str| {
            let (command, flags) = arguments.split_first().unwrap();
            let output = program().arg(command).arg(image).args(flags).env("NO_PROXY", "*").output().unwrap();
            (output.status.code(), String::from_utf8(output.stdout).unwrap())
        };
        assert_eq!(with(&address), with(&file), "{arguments:?}");
    }
    let output = program().args(["packages", "-v", &address]).env("NO_PROXY", "*").output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains(" requests, ") && errors.ends_with(" of 3.0 MiB received\n"), "{errors}");
}

#[test]
fn an_address_without_a_server_is_an_error_that_shows_no_password() {
    let run = run(&["inspect", "http://me:secret@127.0.0.1:1/a.iso?token=secret"]);
    assert_eq!(run.code, Some(2));
    assert!(run.errors.starts_with("nixoscope: http://127.0.0.1:1/a.iso: "), "{}", run.errors);
    assert!(!run.errors.contains("secret"), "{}", run.errors);
}
