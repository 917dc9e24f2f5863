//! What is probed, and how it is asked.

use std::fmt;
use std::net::SocketAddr;

use finwait_load::Expect;

/// The server, and what to ask it for.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where it listens.
    pub addr: SocketAddr,
    /// How the user calls it, for messages.
    pub name: String,
    /// What it speaks.
    pub protocol: Protocol,
}

/// What a target speaks.
#[derive(Debug, Clone)]
pub enum Protocol {
    /// HTTP/1.1.
    Http(Http),
    /// Something else: a fixed request, and how its response is known.
    Tcp {
        /// The request.
        send: Vec<u8>,
        /// What makes the response complete.
        expect: Expect,
    },
}

/// The resources of an HTTP server that are asked for. Each is a path, with its query.
#[derive(Debug, Clone)]
pub struct Http {
    /// The value of the field Host.
    pub host: String,
    /// Any resource that answers a GET.
    pub path: String,
    /// One with a response of megabytes; without it [`path`](Self::path) is tried.
    pub big: Option<String>,
    /// One that takes a second or more to answer.
    pub late: Option<String>,
    /// One that takes a POST; without it [`path`](Self::path) is tried.
    pub post: Option<String>,
}

/// Which of the target's resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    Plain,
    Big,
    Late,
    Post,
}

/// An HTTP request to be written.
#[derive(Debug, Clone)]
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a str,
    pub(crate) resource: Resource,
    pub(crate) version: &'a str,
    /// Whether it says `Connection: close`.
    pub(crate) close: bool,
    /// Fields, each ended by CRLF.
    pub(crate) fields: &'a str,
    pub(crate) body: &'a [u8],
}

impl Ask<'_> {
    /// A GET of `resource` that keeps the connection.
    pub(crate) fn get(resource: Resource) -> Self {
        Self {
            method: "GET",
            resource,
            version: "HTTP/1.1",
            close: false,
            fields: "",
            body: b"",
        }
    }

    /// The same, and the connection is to be closed after it.
    pub(crate) fn get_and_close(resource: Resource) -> Self {
        Self {
            close: true,
            ..Self::get(resource)
        }
    }
}

impl Target {
    /// The HTTP side of it, if it has one.
    pub(crate) fn http(&self) -> Option<&Http> {
        match &self.protocol {
            Protocol::Http(http) => Some(http),
            Protocol::Tcp { .. } => None,
        }
    }

    pub(crate) fn expect(&self) -> Expect {
        match self.protocol {
            Protocol::Http(_) => Expect::Http,
            Protocol::Tcp { expect, .. } => expect,
        }
    }

    /// The bytes of a request; a target that is not HTTP has one only, whatever is asked.
    pub(crate) fn request(&self, ask: &Ask<'_>) -> Vec<u8> {
        let http = match &self.protocol {
            Protocol::Tcp { send, .. } => return send.clone(),
            Protocol::Http(http) => http,
        };
        let path = http.path_of(ask.resource);
        let mut text = format!(
            "{} {path} {}\r\nHost: {}\r\nUser-Agent: finwait/{}\r\n{}",
            ask.method,
            ask.version,
            http.host,
            env!("CARGO_PKG_VERSION"),
            ask.fields
        );
        if ask.close {
            text.push_str("Connection: close\r\n");
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(ask.body);
        bytes
    }
}

impl Http {
    /// The path of a resource; what was not given is the plain one.
    pub(crate) fn path_of(&self, resource: Resource) -> &str {
        let given = match resource {
            Resource::Plain => None,
            Resource::Big => self.big.as_deref(),
            Resource::Late => self.late.as_deref(),
            Resource::Post => self.post.as_deref(),
        };
        given.unwrap_or(&self.path)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
