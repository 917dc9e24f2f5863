//! Who closes first, and so keeps TIME-WAIT?

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[];
