//! Where the labels of points go, so that none hides another or a point.

/// Pixels from a point's middle to its edge.
pub const POINT_RADIUS: i32 = 4;

/// Pixels between a point and its label.
const GAP: i32 = 3;

/// Pixels, the edges on the left and above among them, those on the right and below not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Area {
    pub left: i32,
    pub top: i32,
    pub right: i32,
    pub bottom: i32,
}

impl Area {
    fn at(left: i32, top: i32, (width, height): (i32, i32)) -> Self {
        Self { left, top, right: left + width, bottom: top + height }
    }

    fn around((x, y): (i32, i32)) -> Self {
        let side = 2 * POINT_RADIUS + 1;
        Self::at(x - POINT_RADIUS, y - POINT_RADIUS, (side, side))
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }

    fn lies_in(&self, other: &Self) -> bool {
        self.left >= other.left && self.right <= other.right && self.top >= other.top && self.bottom <= other.bottom
    }
}

/// Places labels of these sizes right of their points, or else left, above or below, in `bounds`; none where nothing is free.
///
/// Earlier ones choose first.
pub fn place(points: &[(i32, i32)], sizes: &[(i32, i32)], bounds: Area) -> Vec<Option<Area>> {
    let mut taken: Vec<_> = points.iter().map(|&point| Area::around(point)).collect();
    let place_one = |(&(x, y), &(width, height)): (&(i32, i32), &(i32, i32))| {
        let from_middle = POINT_RADIUS + GAP;
        let (centre_x, centre_y) = (x - width / 2, y - height / 2);
        let places = [
            (x + from_middle + 1, centre_y),
            (x - from_middle - width, centre_y),
            (centre_x, y - from_middle - height),
            (centre_x, y + from_middle + 1),
        ];
        let areas = places.map(|(left, top)| Area::at(left, top, (width, height)));
        let is_free = |area: &Area| area.lies_in(&bounds) && !taken.iter().any(|other| other.overlaps(area));
        let placed = areas.into_iter().find(is_free);
        taken.extend(placed);
        placed
    };
    points.iter().zip(sizes).map(place_one).collect()
}

#[cfg(test)]
mod tests {
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    use super::*;

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
    fn overlaps_are_seen() {
        let area = Area::at(10, 10, (10, 10));
        for (left, top, expected) in [(15, 15, true), (19, 19, true), (20, 10, false), (10, 20, false), (0, 0, false)]
        {
            assert_eq!(area.overlaps(&Area::at(left, top, (10, 10))), expected, "{left}, {top}");
        }
        assert!(area.overlaps(&Area::at(12, 12, (2, 2))));
    }
}
