//! The values of `finwait load`, as typed; those of a target and its request are `probe`'s too.

use std::fs::File;
use std::io::Read;

use finwait_load::{CloseMix, CloseMode, Drip, Expect};

use super::units;
use crate::args::Endpoint;
use crate::exit::Failure;

/// All connections share one copy, in memory.
const MOST_PAYLOAD: u64 = 1 << 30;

#[derive(Debug, Clone)]
pub(in crate::args) enum TypedTarget {
    Tcp(Endpoint),
    Http { host: Endpoint, path: String },
}

#[derive(Debug, Clone)]
pub(in crate::args) enum Payload {
    Filler(u64),
    File(String),
    Text(String),
}

impl Payload {
    /// What `--send` asks for; without it a little filler.
    pub(in crate::args) fn bytes(typed: Option<&Self>) -> Result<Vec<u8>, Failure> {
        match typed.unwrap_or(&Self::Filler(64)) {
            Self::Text(text) => Ok(text.clone().into_bytes()),
            Self::File(name) => {
                read_payload(name).map_err(|why| Failure::usage(format!("--send '@{name}': {why}")))
            }
            // A pattern in which a shifted or repeated piece does not go unnoticed.
            Self::Filler(size) => Ok((0..*size).map(|i| (i % 251) as u8).collect()),
        }
    }
}

/// The whole file, if it is one that can be held in memory. What a device has no end of is not.
fn read_payload(name: &str) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let file = File::open(name).map_err(unreadable)?;
    let mut bytes = Vec::new();
    let most = MOST_PAYLOAD + 1;
    file.take(most)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 == most {
        return Err("is more than 1g, which is held in memory".to_owned());
    }
    Ok(bytes)
}

/// `half`, or a mixture: `mix=half:80,rst:20`.
pub(super) fn close(text: &str) -> Result<CloseMix, String> {
    let mode = |name: &str| {
        let mut modes = CloseMode::ALL.into_iter();
        modes.find(|mode| mode.name() == name).ok_or_else(|| {
            format!(
                "'{}' is none of half, fin, rst, abandon, mix=MODE:WEIGHT,..",
                name.escape_debug()
            )
        })
    };
    let Some(list) = text.strip_prefix("mix=") else {
        return mode(text).map(CloseMix::only);
    };
    let mut weights = Vec::new();
    for part in list.split(',') {
        let (name, weight) = part
            .split_once(':')
            .ok_or_else(|| format!("'{}' is not MODE:WEIGHT", part.escape_debug()))?;
        let plain = !weight.is_empty() && weight.bytes().all(|b| b.is_ascii_digit());
        let weight = plain
            .then(|| weight.parse().ok())
            .flatten()
            .ok_or_else(|| {
                format!(
                    "the weight '{}' is not a whole number",
                    weight.escape_debug()
                )
            })?;
        weights.push((mode(name)?, weight));
    }
    CloseMix::new(&weights).map_err(|error| error.to_string())
}

pub(in crate::args) fn target(text: &str) -> Result<TypedTarget, String> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Endpoint::connecting_range(text, None).map(TypedTarget::Tcp);
    };
    match scheme.to_ascii_lowercase().as_str() {
        "http" => {}
        "https" => return Err("TLS is not spoken here; only http:// is".to_owned()),
        "tcp" => return Endpoint::connecting(rest, None).map(TypedTarget::Tcp),
        _ => return Err("is neither HOST:PORT nor an http:// URL".to_owned()),
    }
    // A fragment is never sent (RFC 9110 section 4.2.5).
    let rest = rest.split('#').next().unwrap_or(rest);
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(at);
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    let host = Endpoint::connecting_range(host, Some(80))?;
    Ok(TypedTarget::Http {
        host,
        path: http_path(&path)?,
    })
}

/// A request target, which nothing may break out of.
pub(in crate::args) fn http_path(text: &str) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err("must begin with '/'".to_owned());
    }
    match text.chars().find(|c| !c.is_ascii_graphic()) {
        Some(odd) => Err(format!("has a {odd:?}, which must be percent-encoded")),
        None => Ok(text.to_owned()),
    }
}

pub(in crate::args) fn payload(text: &str) -> Result<Payload, String> {
    if let Some(name) = text.strip_prefix('@') {
        return Ok(Payload::File(name.to_owned()));
    }
    if let Some(text) = text.strip_prefix("text:") {
        return Ok(Payload::Text(text.to_owned()));
    }
    match units::size(text) {
        Ok(size) if size <= MOST_PAYLOAD => Ok(Payload::Filler(size)),
        Ok(_) => Err("is more than 1g, which is held in memory".to_owned()),
        Err(why) => Err(format!("{why}; or give @FILE or text:STRING")),
    }
}

pub(in crate::args) fn expect(text: &str) -> Result<Expect, String> {
    match text {
        "until-fin" => Ok(Expect::UntilFin),
        "echo" => Ok(Expect::Echo),
        "http" => Ok(Expect::Http),
        _ => match text.strip_prefix("bytes=") {
            Some(size) => units::size(size).map(Expect::Bytes),
            None => Err("is none of until-fin, echo, http, bytes=SIZE".to_owned()),
        },
    }
}

/// `BYTES/PERIOD`.
pub(super) fn drip(text: &str) -> Result<Drip, String> {
    let (bytes, period) = units::drip(text)?;
    Ok(Drip { bytes, period })
}
