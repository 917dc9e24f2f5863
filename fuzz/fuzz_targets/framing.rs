//! HTTP responses: any bytes, however they are cut, are understood in the same way, by the client
//! that reads response after response.

#![no_main]

use std::time::Duration;

use finwait_load::Framing;
use libfuzzer_sys::fuzz_target;

/// All that can be asked of a response.
type Understood = (
    bool,
    bool,
    bool,
    bool,
    bool,
    bool,
    Option<u16>,
    Option<Duration>,
);

fn understood(framing: &Framing) -> Understood {
    (
        framing.is_complete(false),
        framing.is_complete(true),
        framing.closes(),
        framing.has_interim(),
        framing.is_close_delimited(),
        framing.is_malformed(),
        framing.status(),
        framing.keep_alive(),
    )
}

/// Reads responses until there are no bytes left. `cuts` are the sizes of the pieces, again and
/// again. Says of each response how many bytes it has, and what was understood.
fn read(bytes: &[u8], heads: bool, cuts: &[usize]) -> Vec<(usize, Understood)> {
    let new = || match heads {
        true => Framing::of_head(),
        false => Framing::default(),
    };
    let (mut framing, mut length) = (new(), 0);
    let mut seen = Vec::new();
    let mut rest = bytes;
    for &cut in cuts.iter().cycle() {
        let (mut piece, others) = rest.split_at(cut.clamp(1, rest.len().max(1)).min(rest.len()));
        rest = others;
        while !piece.is_empty() {
            let taken = framing.receive(piece);
            assert!(taken <= piece.len());
            piece = &piece[taken..];
            length += taken;
            if framing.is_complete(false) {
                seen.push((length, understood(&framing)));
                (framing, length) = (new(), 0);
            } else {
                assert!(piece.is_empty(), "what is not complete takes all");
            }
        }
        if rest.is_empty() {
            break;
        }
    }
    seen.push((length, understood(&framing)));
    seen
}

// The first line says what is read: H for responses to HEAD; the other bytes of it are the sizes of
// the pieces.
fuzz_target!(|input: &[u8]| {
    let Some(line) = input.iter().position(|&byte| byte == b'\n') else {
        return;
    };
    let (line, bytes) = (&input[..line], &input[line + 1..]);
    let heads = line.starts_with(b"H");
    let mut cuts: Vec<_> = line.iter().map(|&size| usize::from(size)).collect();
    cuts.push(3);
    let whole = read(bytes, heads, &[usize::MAX]);
    assert_eq!(whole, read(bytes, heads, &[1]), "byte by byte");
    assert_eq!(whole, read(bytes, heads, &cuts), "in pieces");
});
