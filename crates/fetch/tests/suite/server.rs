//! An HTTP server that does what a script says, one answer per request, the last one for all that follow.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What a request asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) path: String,
    /// First byte of the range.
    pub(crate) range: Option<usize>,
    pub(crate) if_range: Option<String>,
}

/// Writes an answer; whether the client still listens is its own affair.
pub(crate) type Answer = Box<dyn Fn(&Asked, &mut TcpStream) -> std::io::Result<()> + Send>;

pub(crate) struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    closing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(script: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, closing) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (log, end) = (asked.clone(), closing.clone());
        let thread = std::thread::spawn(move || {
            let mut number = 0;
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(mut stream) = stream else { continue };
                let Some(request) = read_request(&stream) else { continue };
                log.lock().unwrap().push(request.clone());
                let _ = script[number.min(script.len() - 1)](&request, &mut stream);
                number += 1;
            }
        });
        Self { address, asked, closing, thread: Some(thread) }
    }

    /// The address of the archive, as a list to fetch from.
    pub(crate) fn url(&self) -> Vec<String> {
        vec![format!("http://{}/files/set.tar.gz", self.address)]
    }

    /// The requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// First bytes asked for so far; 0 without a range.
    pub(crate) fn ranges(&self) -> Vec<usize> {
        self.asked().iter().map(|asked| asked.range.unwrap_or(0)).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        self.thread.take().map(JoinHandle::join);
    }
}

fn read_request(stream: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let mut asked = Asked { path, range: None, if_range: None };
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ")?;
        match name.to_ascii_lowercase().as_str() {
            "range" => asked.range = value.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok(),
            "if-range" => asked.if_range = Some(value.to_owned()),
            _ => {}
        }
    }
    Some(asked)
}

/// The head of an answer.
pub(crate) fn head(status: &str, headers: &[(&str, String)]) -> String {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("HTTP/1.1 {status}\r\nConnection: close\r\n{lines}\r\n")
}

/// A server as it should be: the asked range, unless the version is another by now.
pub(crate) fn file(content: &[u8], tag: &str) -> Answer {
    cut(content, tag, usize::MAX)
}

/// As [`file`], but the connection ends after some bytes.
pub(crate) fn cut(content: &[u8], tag: &str, after: usize) -> Answer {
    let (content, tag) = (content.to_vec(), tag.to_owned());
    Box::new(move |asked, stream| {
        let same = asked.if_range.as_ref().is_none_or(|version| *version == tag);
        let from = asked.range.filter(|_| same);
        let rest = content.get(from.unwrap_or(0)..).unwrap_or_default();
        let mut headers = vec![("Content-Length", rest.len().to_string())];
        if !tag.is_empty() {
            headers.push(("ETag", tag.clone()));
        }
        let status = match from {
            Some(from) if rest.is_empty() => {
                headers.push(("Content-Range", format!("bytes */{}", content.len())));
                assert!(from >= content.len());
                "416 Range Not Satisfiable"
            }
            Some(from) => {
                let range = format!("bytes {from}-{}/{}", content.len() - 1, content.len());
                headers.push(("Content-Range", range));
                "206 Partial Content"
            }
            None => "200 OK",
        };
        stream.write_all(head(status, &headers).as_bytes())?;
        stream.write_all(&rest[..rest.len().min(after)])
    })
}

/// Always the whole content, with a length of the server's own choice.
pub(crate) fn plain(content: &[u8], length: usize) -> Answer {
    said(&head("200 OK", &[("Content-Length", length.to_string())]), content)
}

/// This head, then this body, whatever was asked.
pub(crate) fn said(head: &str, body: &[u8]) -> Answer {
    let bytes = [head.as_bytes(), body].concat();
    Box::new(move |_, stream| stream.write_all(&bytes))
}

/// The whole content in pieces with pauses between them.
pub(crate) fn slow(content: &[u8], pieces: usize, pause: Duration) -> Answer {
    let content = content.to_vec();
    Box::new(move |_, stream| {
        let length = [("Content-Length", content.len().to_string())];
        stream.write_all(head("200 OK", &length).as_bytes())?;
        for piece in content.chunks(content.len().div_ceil(pieces)) {
            stream.write_all(piece)?;
            std::thread::sleep(pause);
        }
        Ok(())
    })
}

/// Some of the content, then silence until the client goes away.
pub(crate) fn silent(content: &[u8], after: Option<usize>) -> Answer {
    let content = content.to_vec();
    Box::new(move |_, stream| {
        if let Some(after) = after {
            let length = [("Content-Length", content.len().to_string())];
            stream.write_all(head("200 OK", &length).as_bytes())?;
            stream.write_all(&content[..after])?;
        }
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.read(&mut [0]).map(drop)
    })
}
