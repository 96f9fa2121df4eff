//! Buffers that serializers write into, used again.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};

use ottla_protocol::records::OwnedHeader;

/// So many are kept: more tasks than this rarely serialize at the same time.
const KEPT: usize = 16;
/// A buffer that one large record has made larger than this is given back to the allocator.
const KEPT_BYTES: usize = 64 * 1024;

/// What serializers write of one record.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
    pub(super) headers: Vec<OwnedHeader>,
}

/// Buffers that are not in use. Nobody waits for its lock: who finds it taken makes or drops buffers.
#[derive(Debug, Default)]
pub(super) struct Pool {
    free: Mutex<Vec<Buffers>>,
}

/// Buffers in use; they go back when this is dropped.
pub(super) struct Taken {
    buffers: Buffers,
    pool: Arc<Pool>,
}

impl Pool {
    pub(super) fn take(self: &Arc<Self>) -> Taken {
        let free = self.free.try_lock().ok().and_then(|mut free| free.pop());
        Taken { buffers: free.unwrap_or_default(), pool: Arc::clone(self) }
    }
}

impl Deref for Taken {
    type Target = Buffers;

    fn deref(&self) -> &Buffers {
        &self.buffers
    }
}

impl DerefMut for Taken {
    fn deref_mut(&mut self) -> &mut Buffers {
        &mut self.buffers
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut buffers = std::mem::take(&mut self.buffers);
        buffers.headers.clear();
        if buffers.key.capacity().max(buffers.value.capacity()) > KEPT_BYTES {
            return;
        }
        if let Ok(mut free) = self.pool.free.try_lock() {
            if free.len() < KEPT {
                free.push(buffers);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(pool: &Pool) -> usize {
        pool.free.lock().expect("nobody panics").len()
    }

    #[test]
    fn buffers_are_used_again_but_neither_many_nor_large_ones_are_kept() {
        let pool = Arc::new(Pool::default());
        let mut first = pool.take();
        first.value.reserve(1000);
        first.headers.push(OwnedHeader::new("k", None));
        drop(first);
        let again = pool.take();
        assert!(again.value.capacity() >= 1000 && again.headers.is_empty());
        assert_eq!(free(&pool), 0);
        let many: Vec<_> = (0..KEPT + 5).map(|_| pool.take()).collect();
        drop((again, many));
        assert_eq!(free(&pool), KEPT);
        let mut large = pool.take();
        large.key.reserve(KEPT_BYTES + 1);
        drop(large);
        assert_eq!(free(&pool), KEPT - 1);
    }
}
