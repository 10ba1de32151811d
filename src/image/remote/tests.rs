//! A server on this machine that behaves well or badly.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::*;

/// How a server behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Sends what is asked for.
    Good,
    /// Knows no ranges.
    Whole,
    /// Knows no ranges, and ends in the middle.
    CutWhole,
    /// Ends every answer after 100 bytes.
    Cut,
    /// Ends every other answer in the middle.
    Shaky,
    /// Sends at most one block.
    Short,
    /// Has another file from the second request on.
    Changed,
    /// Sends another file in spite of the condition.
    Careless,
    /// Redirects to the file.
    Redirect,
    /// Sends the beginning, and then nothing.
    Stalled,
    /// Has no file.
    Missing,
    /// Is out of order for the first request.
    Starting,
    /// Claims an absurd length.
    Huge,
}

struct Server {
    address: PathBuf,
    requests: Arc<AtomicUsize>,
}

fn contents() -> Vec<u8> {
    (0..3_000_000u32).map(|at| u8::try_from(((at / 7) ^ at) % 251).unwrap()).collect()
}

fn serve(manner: Manner) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://127.0.0.1:{}/a.iso", listener.local_addr().unwrap().port());
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let count = counter.fetch_add(1, Ordering::SeqCst);
            // A reader that has seen enough is no error.
            let _ = answer(stream.unwrap(), manner, count);
        }
    });
    Server { address: PathBuf::from(address), requests }
}

/// Answers one request, and closes the connection.
fn answer(mut stream: TcpStream, manner: Manner, count: usize) -> io::Result<()> {
    let (mut range, mut path) = (None, String::new());
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?.to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("range: bytes=") {
            let (from, to) = value.split_once('-').unwrap();
            range = Some((from.parse::<usize>().unwrap(), to.parse::<usize>().unwrap() + 1));
        }
        if line.starts_with("get ") {
            path = line;
        } else if line.is_empty() {
            break;
        }
    }
    let all = contents();
    let head = |status: &str, more: &str| format!("HTTP/1.1 {status}\r\nConnection: close\r\n{more}\r\n");
    match manner {
        Manner::Missing => return stream.write_all(head("404 Not Found", "Content-Length: 0\r\n").as_bytes()),
        Manner::Starting if count == 0 => {
            return stream.write_all(head("503 Service Unavailable", "Content-Length: 0\r\n").as_bytes());
        }
        Manner::Redirect if !path.contains("/real") => {
            return stream.write_all(head("302 Found", "Location: /real.iso\r\nContent-Length: 0\r\n").as_bytes());
        }
        Manner::Changed if count > 0 => range = None,
        _ => {}
    }
    let Some((from, to)) = range.filter(|_| !matches!(manner, Manner::Whole | Manner::CutWhole)) else {
        stream.write_all(head("200 OK", &format!("Content-Length: {}\r\n", all.len())).as_bytes())?;
        return stream.write_all(if manner == Manner::CutWhole { &all[..1000] } else { &all });
    };
    let to = to.min(all.len()).min(if manner == Manner::Short { from + 65_536 } else { usize::MAX });
    let tag = if manner == Manner::Careless { count } else { 0 };
    let total = if manner == Manner::Huge { usize::MAX } else { all.len() };
    let more = format!(
        "ETag: \"v{tag}\"\r\nContent-Range: bytes {from}-{}/{total}\r\nContent-Length: {}\r\n",
        to - 1,
        to - from
    );
    stream.write_all(head("206 Partial Content", &more).as_bytes())?;
    let part = &all[from..to];
    match manner {
        Manner::Cut => stream.write_all(&part[..100.min(part.len())]),
        Manner::Shaky if count % 2 == 1 => stream.write_all(&part[..part.len() / 2]),
        Manner::Stalled if count > 0 => {
            stream.write_all(&part[..part.len() / 2])?;
            std::thread::sleep(Duration::from_secs(20));
            Ok(())
        }
        _ => stream.write_all(part),
    }
}

fn open(server: &Server) -> Result<Opened> {
    Remote::open(&server.address, direct(Duration::from_secs(1)), &|_, _| ())
}

/// A client that uses no proxy, whatever the environment says.
fn direct(patience: Duration) -> Agent {
    let config = Agent::config_builder().proxy(None).http_status_as_error(false).accept_encoding("identity");
    config.timeout_recv_response(Some(patience)).timeout_per_read(Some(patience)).build().new_agent()
}

/// Reads everything in parts of 10,000 bytes.
fn read_all(remote: &Remote) -> io::Result<Vec<u8>> {
    let mut all = vec![0; usize::try_from(remote.length()).unwrap()];
    for (index, part) in all.chunks_mut(10_000).enumerate() {
        remote.read_exact_at(u64::try_from(index * 10_000).unwrap(), part)?;
    }
    Ok(all)
}

fn parts(manner: Manner) -> (Server, Box<Remote>) {
    let server = serve(manner);
    match open(&server) {
        Ok(Opened::Parts(remote)) => (server, remote),
        Ok(Opened::Whole(_)) => panic!("{manner:?}: the whole image"),
        Err(error) => panic!("{manner:?}: {error}"),
    }
}

#[test]
fn an_image_is_read_in_few_growing_requests() {
    let (server, remote) = parts(Manner::Good);
    assert_eq!(remote.length(), 3_000_000);
    assert!(read_all(&remote).unwrap() == contents());
    let (requests, received) = remote.traffic();
    assert_eq!((requests, received), (6, 3_000_000));
    assert_eq!(server.requests.load(Ordering::SeqCst), 6);
    assert!(read_all(&remote).unwrap() == contents());
    assert_eq!(remote.traffic(), (6, 3_000_000));
}

#[test]
fn one_distant_byte_costs_one_small_request() {
    let (_server, remote) = parts(Manner::Good);
    let mut byte = [0];
    remote.read_exact_at(2_500_000, &mut byte).unwrap();
    assert_eq!((byte[0], remote.traffic()), (contents()[2_500_000], (2, FIRST + 2 * BLOCK)));
}

#[test]
fn a_server_with_faults_that_can_be_made_up_for_is_read_in_full() {
    for manner in [Manner::Shaky, Manner::Short, Manner::Redirect, Manner::Starting] {
        let (_server, remote) = parts(manner);
        assert!(read_all(&remote).unwrap() == contents(), "{manner:?}");
    }
}

#[test]
fn a_redirect_is_followed_once() {
    let (server, remote) = parts(Manner::Redirect);
    read_all(&remote).unwrap();
    assert_eq!(server.requests.load(Ordering::SeqCst), 7);
}

#[test]
fn a_server_without_ranges_sends_the_whole_image() {
    let server = serve(Manner::Whole);
    let Ok(Opened::Whole(mut file)) = open(&server) else { panic!("parts") };
    let mut all = Vec::new();
    file.read_to_end(&mut all).unwrap();
    assert!(all == contents());
}

#[test]
fn what_cannot_be_made_up_for_is_an_error_with_its_reason() {
    for (manner, expected) in [
        (Manner::Cut, "the server "),
        (Manner::Changed, CHANGED),
        (Manner::Careless, CHANGED),
        (Manner::Stalled, "the server does not answer in time"),
    ] {
        let (_server, remote) = parts(manner);
        let error = read_all(&remote).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{manner:?}: {error}");
    }
    for (manner, expected) in [
        (Manner::Missing, "the server answers 404 Not Found"),
        (Manner::CutWhole, "the server "),
        (Manner::Huge, "the server says that it has more than 64 GiB"),
    ] {
        let Err(error) = open(&serve(manner)) else { panic!("{manner:?}") };
        let error = error.to_string();
        let (_, reason) = error.split_once("a.iso: ").unwrap();
        assert!(reason.starts_with(expected), "{manner:?}: {error}");
    }
}

#[test]
fn neither_passwords_nor_queries_of_an_address_are_shown() {
    for (address, expected) in [
        ("https://me:secret@host/a.iso?token=1#x", "https://host/a.iso"),
        ("http://host:81/a/b@c.iso", "http://host:81/a/b@c.iso"),
        ("https://host?token=1", "https://host/"),
    ] {
        assert_eq!(shown(Path::new(address)), PathBuf::from(expected));
        assert!(is_address(Path::new(address)));
    }
    assert!(!is_address(Path::new("/tmp/https:/a.iso")) && !is_address(Path::new("ftp://host/a.iso")));
}
