//! What clients do to servers without a word.

use std::time::Duration;

use super::BURST;
use super::aftermath::Undone;
use crate::net::{Id, Opening, Reading, Seen};
use crate::probe::{Probe, told};
use crate::target::{Ask, Resource};

/// One byte, and never another one: a response has begun, and the rest of it stays unread.
const ONE_BYTE: Opening = Opening {
    receive_buffer: Some(16 << 10),
    source: None,
    reading: Reading::Slow {
        bytes: 1,
        period: Duration::from_secs(3600),
    },
};

pub(super) fn close_at_once(probe: &mut Probe<'_>, _: u32) -> Result<(), Undone> {
    let id = connect(probe, Opening::default())?;
    probe.net.close(id);
    Ok(())
}

pub(super) fn reset_at_once(probe: &mut Probe<'_>, _: u32) -> Result<(), Undone> {
    let id = connect(probe, Opening::default())?;
    probe.net.abort(id);
    Ok(())
}

/// The sooner after its handshake a connection is reset, the likelier it still waits to be
/// accepted; nobody but the server could say whether it did.
pub(super) fn burst(probe: &mut Probe<'_>, _: u32) -> Result<(), Undone> {
    let mut waiting = Vec::new();
    let mut done = 0;
    for _ in 0..BURST {
        waiting.push(probe.net.open(Opening::default()));
        probe.net.watch(Duration::from_micros(1));
        done += reset_established(probe, &mut waiting);
    }
    let wait = probe.wait();
    probe.net.until(wait, |net| {
        waiting.iter().all(|&id| {
            let seen = net.seen(id);
            seen.connected.is_some() || seen.is_dead()
        })
    });
    done += reset_established(probe, &mut waiting);
    if done >= BURST / 2 {
        return Ok(());
    }
    let why = format!("only {done} of {BURST} connections came about");
    Err(Undone::NotNow(why))
}

fn reset_established(probe: &mut Probe<'_>, waiting: &mut Vec<Id>) -> u32 {
    let before = waiting.len();
    waiting.retain(|&id| {
        let established = probe.net.seen(id).connected.is_some();
        if established {
            probe.net.abort(id);
        }
        !established
    });
    (before - waiting.len()) as u32
}

/// In the head and, of HTTP, in a body; an RST that comes with the bytes may hide them, one that
/// comes later finds the server waiting for the rest.
pub(super) fn reset_in_the_request(probe: &mut Probe<'_>, time: u32) -> Result<(), Undone> {
    const LATER: Duration = Duration::from_millis(20);
    let whole = probe.plain();
    if whole.len() < 2 {
        let why = "its request is too short to be cut";
        return Err(Undone::Never(why.to_owned()));
    }
    let mut part = whole[..whole.len() / 2].to_vec();
    if probe.is_http() && time % 4 >= 2 {
        part = probe.target.request(&Ask {
            method: "POST",
            fields: "Content-Length: 10\r\n",
            body: b"half",
            ..Ask::get(Resource::Post)
        });
    }
    let id = connect(probe, Opening::default())?;
    probe.net.send(id, &part);
    if !time.is_multiple_of(2) {
        probe.net.wait(id, LATER, Seen::is_over);
    }
    probe.net.abort(id);
    Ok(())
}

pub(super) fn reset_in_the_response(probe: &mut Probe<'_>, _: u32) -> Result<(), Undone> {
    let id = begun(probe, Resource::Big)?;
    probe.net.abort(id);
    Ok(())
}

pub(super) fn close_unread(probe: &mut Probe<'_>, _: u32) -> Result<(), Undone> {
    if probe.baseline.plain.bytes < 2 {
        let why = "its response is too short to be left unread";
        return Err(Undone::Never(why.to_owned()));
    }
    let id = begun(probe, Resource::Plain)?;
    probe.net.close(id);
    Ok(())
}

/// A connection on which a response has begun.
fn begun(probe: &mut Probe<'_>, resource: Resource) -> Result<Id, Undone> {
    let (request, ends) = probe.whole_request(resource);
    let wait = probe.wait_for(resource);
    let id = connect(probe, ONE_BYTE)?;
    probe.net.send(id, &request);
    if ends {
        probe.net.half_close(id);
    }
    probe
        .net
        .wait(id, wait, |s| s.first_byte.is_some() || s.is_over());
    let seen = probe.net.seen(id);
    match seen.first_byte {
        Some(_) => Ok(id),
        None => Err(Undone::NotNow(told(seen))),
    }
}

fn connect(probe: &mut Probe<'_>, opening: Opening) -> Result<Id, Undone> {
    let id = probe.connect_as(opening);
    let seen = probe.net.seen(id);
    match seen.connected {
        Some(_) => Ok(id),
        None => Err(Undone::NotNow(told(seen))),
    }
}
