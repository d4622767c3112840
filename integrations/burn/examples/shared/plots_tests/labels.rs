//! Where labels must go.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use crate::plots::labels::*;

const BOUNDS: Area = Area { left: 0, top: 0, right: 400, bottom: 300 };

#[test]
fn a_label_goes_right_then_left_then_above_then_below() {
    let size = (60, 12);
    let at = |left, top| Some(Area::at(left, top, size));
    assert_eq!(place(&[(200, 150)], &[size], BOUNDS), [at(208, 144)]);
    // The same point four times: one label a side, and the fifth has no room.
    let sides = [at(208, 144), at(133, 144), at(170, 131), at(170, 158), None];
    assert_eq!(place(&[(200, 150); 5], &[size; 5], BOUNDS), sides);
    // Near the right edge, in a corner, and too wide for anywhere.
    assert_eq!(place(&[(390, 150)], &[size], BOUNDS), [at(323, 144)]);
    assert_eq!(place(&[(0, 0)], &[size], BOUNDS), [None]);
    assert_eq!(place(&[(200, 150)], &[(401, 12)], BOUNDS), [None]);
}

#[test]
fn labels_hide_neither_labels_nor_points() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let points: Vec<_> = (0..150).map(|_| (random.random_range(0..400), random.random_range(0..300))).collect();
    let sizes: Vec<_> = points.iter().map(|_| (random.random_range(10..80), 18)).collect();
    let placed: Vec<_> = place(&points, &sizes, BOUNDS).into_iter().flatten().collect();
    assert!((20..150).contains(&placed.len()), "{} of 150 placed", placed.len());
    for (number, label) in placed.iter().enumerate() {
        assert!(label.lies_in(&BOUNDS), "{label:?}");
        assert!(placed[..number].iter().all(|other| !other.overlaps(label)), "{label:?}");
        assert!(points.iter().all(|&point| !Area::around(point).overlaps(label)), "{label:?}");
    }
}

#[test]
fn four_pixels_are_between_labels_side_by_side() {
    let size = (60, 12);
    let first = Area::at(208, 144, size);
    for (between, is_free) in [(0, false), (3, false), (4, true)] {
        // The second one's label has room on its left alone, and ends there.
        let second = (208 + 60 + between + 60 + 7, 150);
        let bounds = Area { left: 0, top: 140, right: second.0 + 10, bottom: 160 };
        let left = is_free.then_some(Area::at(208 + 60 + between, 144, size));
        assert_eq!(place(&[(200, 150), second], &[size; 2], bounds), [Some(first), left], "{between}");
    }
}

#[test]
fn overlaps_are_seen() {
    let area = Area::at(10, 10, (10, 10));
    for (left, top, expected) in [(15, 15, true), (19, 19, true), (20, 10, false), (10, 20, false), (0, 0, false)] {
        assert_eq!(area.overlaps(&Area::at(left, top, (10, 10))), expected, "{left}, {top}");
    }
    assert!(area.overlaps(&Area::at(12, 12, (2, 2))));
}
