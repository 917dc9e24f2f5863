//! Does the server let go of connections that nobody needs?

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[];
