//! The checks of early errors: each passes, and each finds its fault.

use crate::server::{Fault, verdict};
use finwait_probe::Closing::{Fin, NotLooked, Open, Rst};
use finwait_probe::Service::{NotAsked, Nothing, Whole, Wrong};
use finwait_probe::Word::{Fail, Info, Pass, Skip, Warn};

#[test]
fn a_refused_upload_can_read_why() {
    assert_eq!(verdict("http/5", Fault::None), (Pass, Whole, Fin));
    assert_eq!(verdict("http/5", Fault::NoLinger).0, Warn);
    assert_eq!(verdict("http/5", Fault::ResetsErrors), (Fail, Nothing, Rst));
    assert_eq!(
        verdict("http/5", Fault::TakesBodies),
        (Skip, NotAsked, NotLooked)
    );
}

#[test]
fn a_body_is_never_a_request() {
    assert_eq!(verdict("http/6", Fault::None), (Pass, Whole, Fin));
    assert_eq!(verdict("http/6", Fault::BodyIsRequest), (Fail, Wrong, Fin));
    assert_eq!(verdict("http/6", Fault::Unsaid).0, Warn);
}

#[test]
fn an_expectation_is_answered_at_once() {
    assert_eq!(verdict("http/7", Fault::None), (Pass, Whole, Fin));
    assert_eq!(verdict("http/7", Fault::TakesBodies).0, Info);
    assert_eq!(
        verdict("http/7", Fault::WaitsForBodies),
        (Fail, Nothing, Open)
    );
}

#[test]
fn nonsense_is_told_so() {
    assert_eq!(verdict("http/8", Fault::None), (Pass, Whole, Fin));
    assert_eq!(verdict("http/8", Fault::NoLinger).0, Warn);
    assert_eq!(verdict("http/8", Fault::ResetsErrors), (Fail, Nothing, Rst));
}
