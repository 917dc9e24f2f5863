//! Does the whole response survive the close?

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[];
