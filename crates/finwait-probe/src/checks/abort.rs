//! Clients that vanish, reset or do not wait: is everybody else still served?

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[];
