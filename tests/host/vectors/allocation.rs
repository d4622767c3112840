//! Counts what each thread has allocated, so that a test can bound it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, with two counters a thread, so that tests that run beside do not disturb.
struct Counting;

thread_local! {
    static CURRENT: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn grown(bytes: usize) {
    // A thread that ends may allocate after its counters are gone.
    let _ = CURRENT.try_with(|current| {
        current.set(current.get().wrapping_add(bytes));
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(current.get())));
    });
}

fn shrunk(bytes: usize) {
    // Below zero where a thread frees what another allocated.
    let _ = CURRENT.try_with(|current| current.set(current.get().saturating_sub(bytes)));
}

#[allow(unsafe_code, reason = "an allocator is unsafe; this one only counts, and hands on to the system's")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        shrunk(layout.size());
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // Old and new may both be there while it is copied.
        grown(new_size);
        shrunk(layout.size());
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

/// The most bytes that this thread had allocated at once during `work`, beyond those it had before.
pub fn peak_bytes<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = CURRENT.get();
    PEAK.set(before);
    let result = work();
    (result, PEAK.get() - before)
}

#[test]
fn the_peak_is_what_was_allocated_at_once() {
    let ((), peak) = peak_bytes(|| {
        drop(std::hint::black_box(vec![1u8; 5_000_000]));
        drop(std::hint::black_box(vec![0u8; 3_000_000]));
    });
    assert!((5_000_000..5_001_000).contains(&peak), "{peak}");
    let (kept, peak) = peak_bytes(|| (vec![1u8; 1 << 20], vec![1u8; 1 << 20]));
    assert!(peak >= 2 << 20 && kept.0.len() == kept.1.len(), "{peak}");
}
