//! A server that answers as a test wants, well or badly.

use crate::tls::TlsFiles;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST` …
    pub method: String,
    /// The target.
    pub path: String,
    /// The header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A header field's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// How the server answers.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A proper answer: status, further header fields, body.
    Answer(u16, Vec<(String, String)>, Vec<u8>),
    /// Not at all, until the client gives up.
    Hang,
    /// The connection is cut after half an answer.
    Cut,
    /// Bytes that are not HTTP.
    Garbage,
}

impl Reply {
    /// 200 with a body.
    pub fn ok(content_type: &str, body: Vec<u8>) -> Self {
        Self::status(200).with_body(content_type, body)
    }

    /// A status without a body.
    pub fn status(status: u16) -> Self {
        Self::Answer(status, vec![], vec![])
    }

    /// The same with a further header field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        if let Self::Answer(_, headers, _) = &mut self {
            headers.push((name.into(), value.into()));
        }
        self
    }

    /// The same with a body.
    #[must_use]
    pub fn with_body(self, content_type: &str, bytes: Vec<u8>) -> Self {
        match self.with("Content-Type", content_type) {
            Self::Answer(status, headers, _) => Self::Answer(status, headers, bytes),
            other => other,
        }
    }
}

/// An HTTP server on the loopback interface; ends when dropped.
pub struct Server {
    scheme: &'static str,
    address: String,
    stop: Arc<AtomicBool>,
}

impl Server {
    /// Starts a server that answers each request with `handler`.
    pub fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(None, handler)
    }

    /// The same over TLS; only clients with the certificate in `files` are served.
    pub fn start_tls(files: &TlsFiles, handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(Some(Arc::clone(&files.config)), handler)
    }

    fn listen(
        tls: Option<Arc<rustls::ServerConfig>>,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (stop, handler) = (Arc::new(AtomicBool::new(false)), Arc::new(handler));
        let stopped = Arc::clone(&stop);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (handler, stopped, tls) = (Arc::clone(&handler), Arc::clone(&stopped), tls.clone());
                std::thread::spawn(move || match tls {
                    None => serve(stream, handler.as_ref(), &stopped),
                    Some(config) => {
                        let connection = rustls::ServerConnection::new(config).unwrap();
                        let mut stream = rustls::StreamOwned::new(connection, stream);
                        serve(&mut stream, handler.as_ref(), &stopped);
                        stream.conn.send_close_notify();
                        let _ = stream.flush();
                    }
                });
            }
        });
        Self { scheme, address, stop }
    }

    /// Its address, `http://127.0.0.1:PORT` or `https://…`.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(&self.address);
    }
}

fn serve(mut stream: impl Read + Write, handler: &dyn Fn(&Request) -> Reply, stopped: &AtomicBool) {
    let Some(request) = read(&mut stream) else { return };
    let _ = match handler(&request) {
        Reply::Hang => {
            while !stopped.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        }
        Reply::Cut => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nContent-Ty"),
        Reply::Garbage => stream.write_all(&[0x16, 3, 1, 0, 0xff, 0, 0, 0]),
        Reply::Answer(status, headers, body) => {
            let fields: String = headers.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
            let head = format!(
                "HTTP/1.1 {status} Status\r\n{fields}Content-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body))
        }
    };
}

fn read(stream: &mut impl Read) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let length = headers.iter().find(|(n, _)| n == "content-length").map_or(0, |(_, v)| v.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, headers, body })
}
