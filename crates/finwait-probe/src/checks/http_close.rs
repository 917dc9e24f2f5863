//! HTTP/1.1: where responses end, and the connection after them.

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[];
