//! The request, shared by all connections.

use std::sync::Arc;

/// What one connection has still to send of the shared request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rest {
    request: Arc<[u8]>,
    from: usize,
}

impl Rest {
    pub(crate) fn new(request: &Arc<[u8]>, from: usize) -> Self {
        Self {
            request: Arc::clone(request),
            from: from.min(request.len()),
        }
    }
}

impl AsRef<[u8]> for Rest {
    fn as_ref(&self) -> &[u8] {
        &self.request[self.from..]
    }
}
