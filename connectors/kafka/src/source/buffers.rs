//! Buffers that are handed on with a batch and used again once nobody points into them. The readers of a
//! source share them: there may be a thousand partitions, of which a task reads one at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

/// Buffers remembered while others point into them.
const LENT: usize = 8;

/// The buffers of one source: what was handed on, the newest last.
#[derive(Clone, Default)]
pub(crate) struct Buffers(Arc<Mutex<VecDeque<Bytes>>>);

impl Buffers {
    /// An empty buffer.
    pub(crate) fn take(&self) -> BytesMut {
        let mut buffer = self.take_as_it_is();
        buffer.clear();
        buffer
    }

    /// A buffer with whatever was in it. The one lent last is tried first: most often it is free again, and still
    /// in the processor's cache.
    pub(crate) fn take_as_it_is(&self) -> BytesMut {
        let mut lent = self.0.lock();
        let Some(free) = lent.iter().rposition(Bytes::is_unique) else { return BytesMut::new() };
        lent.remove(free).and_then(|b| b.try_into_mut().ok()).unwrap_or_default()
    }

    /// What to hand on of a buffer.
    pub(crate) fn lend(&self, buffer: BytesMut) -> Bytes {
        let data = buffer.freeze();
        let mut lent = self.0.lock();
        if lent.len() == LENT {
            lent.pop_front();
        }
        lent.push_back(data.clone());
        data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(buffers: &Buffers) -> (Bytes, *const u8) {
        let mut buffer = buffers.take();
        assert!(buffer.is_empty());
        buffer.extend_from_slice(&[1; 100]);
        let data = buffers.lend(buffer);
        let at = data.as_ptr();
        (data, at)
    }

    #[test]
    fn one_buffer_serves_as_long_as_each_batch_is_done_before_the_next() {
        let buffers = Buffers::default();
        let (_, first) = filled(&buffers);
        for _ in 0..10 {
            assert_eq!(filled(&buffers).1, first);
        }
        assert_eq!(&buffers.take_as_it_is()[..], [1; 100]);
        assert_eq!(buffers.0.lock().len(), 0);
    }

    #[test]
    fn a_buffer_that_is_pointed_into_is_left_alone() {
        let buffers = Buffers::default();
        let (held, first) = filled(&buffers);
        let slice = held.slice(10..20);
        drop(held);
        let (_, second) = filled(&buffers);
        assert_ne!(first, second);
        assert_eq!(filled(&buffers).1, second);
        assert_eq!(slice, Bytes::from_static(&[1; 10]));
        drop(slice);
        let again = [filled(&buffers), filled(&buffers)];
        assert!(again.iter().all(|(_, at)| [first, second].contains(at)) && again[0].1 != again[1].1);
    }

    #[test]
    fn many_batches_at_once_are_not_all_remembered() {
        let buffers = Buffers::default();
        let held: Vec<_> = (0..3 * LENT).map(|_| filled(&buffers)).collect();
        assert_eq!(buffers.0.lock().len(), LENT);
        assert!(held.iter().all(|(data, _)| data.len() == 100));
    }
}
