//! The checks of responses and of the connection after them: each passes, and each finds its fault.

use crate::server::{Fault, verdict};
use finwait_probe::Closing::{Fin, Open, Rst};
use finwait_probe::Service::{Cut, Nothing, Whole};
use finwait_probe::Word::{Fail, Info, Pass, Warn};

#[test]
fn close_is_said_and_done() {
    assert_eq!(verdict("http/1", Fault::None), (Pass, Whole, Fin));
    assert_eq!(verdict("http/1", Fault::KeepsOpen), (Fail, Whole, Open));
    assert_eq!(verdict("http/1", Fault::Unsaid), (Warn, Whole, Fin));
    assert_eq!(verdict("http/1", Fault::Resets), (Warn, Whole, Rst));
}

#[test]
fn http_1_0_ends_with_the_response() {
    assert_eq!(verdict("http/2", Fault::None), (Pass, Whole, Fin));
    assert_eq!(verdict("http/2", Fault::KeepsOpen), (Fail, Whole, Open));
    assert_eq!(verdict("http/2", Fault::Chunks), (Fail, Whole, Fin));
    assert_eq!(verdict("http/2", Fault::Resets), (Warn, Whole, Rst));
}

#[test]
fn requests_behind_close_neither_count_nor_hurt() {
    assert_eq!(verdict("http/3", Fault::None), (Pass, Whole, Fin));
    assert_eq!(verdict("http/3", Fault::CloseDelimited), (Pass, Whole, Fin));
    assert_eq!(verdict("http/3", Fault::AnswersAll).0, Fail);
    assert_eq!(verdict("http/3", Fault::AnswersAllWithoutLength).0, Fail);
    assert_eq!(verdict("http/3", Fault::RefusesRest).0, Warn);
    assert_eq!(verdict("http/3", Fault::NoLinger), (Fail, Cut, Rst));
}

#[test]
fn pipelined_requests_are_answered_in_full_or_not_at_all() {
    assert_eq!(verdict("http/4", Fault::None), (Pass, Whole, Fin));
    assert_eq!(verdict("http/4", Fault::Three), (Info, Whole, Fin));
    assert_eq!(verdict("http/4", Fault::ThreeAndAHalf), (Fail, Cut, Fin));
    assert_eq!(verdict("http/4", Fault::KeepsOpen), (Warn, Whole, Open));
}

#[test]
fn our_fin_changes_nothing_for_any_framing() {
    assert_eq!(verdict("http/9", Fault::None), (Pass, Whole, Fin));
    assert_eq!(verdict("http/9", Fault::DeafAfterFin), (Fail, Nothing, Fin));
    assert_eq!(verdict("http/9", Fault::Resets), (Warn, Whole, Rst));
}

#[test]
fn a_response_is_as_long_as_it_says() {
    assert_eq!(verdict("http/10", Fault::None), (Pass, Whole, Fin));
    assert_eq!(verdict("http/10", Fault::Chunks), (Pass, Whole, Fin));
    assert_eq!(
        verdict("http/10", Fault::CloseDelimited),
        (Warn, Whole, Fin)
    );
    assert_eq!(
        verdict("http/10", Fault::ResetsWithoutLength),
        (Fail, Cut, Rst)
    );
    assert_eq!(verdict("http/10", Fault::Short), (Fail, Cut, Fin));
    assert_eq!(verdict("http/10", Fault::NoLastChunk), (Fail, Cut, Fin));
}

#[test]
fn what_follows_a_close_is_not_answered() {
    assert_eq!(verdict("http/14", Fault::None), (Info, Whole, Fin));
    assert_eq!(verdict("http/14", Fault::NoLinger).0, Info);
    assert_eq!(verdict("http/14", Fault::AnswersAll).0, Fail);
    assert_eq!(verdict("http/14", Fault::RefusesRest).0, Warn);
}
