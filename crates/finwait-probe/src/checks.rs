//! The checks, one file for each subject. A check is a [`Check`] and its function: to add one,
//! write both into the file of its subject.

mod abort;
mod half_close;
mod http_close;
mod http_error;
mod http_idle;
mod leak;
mod survival;
mod time_wait;

use crate::check::Check;

/// All checks, in the order in which they run and are shown.
pub(crate) const ALL: &[&[Check]] = &[
    half_close::CHECKS,
    survival::CHECKS,
    abort::CHECKS,
    leak::CHECKS,
    time_wait::CHECKS,
    http_close::CHECKS,
    http_error::CHECKS,
    http_idle::CHECKS,
];
