//! HTTP/1.1: is an early error still readable?

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[];
