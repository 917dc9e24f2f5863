//! HTTP/1.1: connections that are kept, and how that ends.

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[];
