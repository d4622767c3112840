//! Where the labels of points go, so that none hides another or a point.

/// Pixels from a point's middle to its edge.
pub const POINT_RADIUS: i32 = 4;

/// Pixels between a point and its label.
const GAP: i32 = 3;

/// Pixels between labels side by side, which would read as one word.
const BETWEEN: i32 = 4;

/// Pixels, the edges on the left and above among them, those on the right and below not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Area {
    pub left: i32,
    pub top: i32,
    pub right: i32,
    pub bottom: i32,
}

impl Area {
    pub fn at(left: i32, top: i32, (width, height): (i32, i32)) -> Self {
        Self { left, top, right: left + width, bottom: top + height }
    }

    pub fn around((x, y): (i32, i32)) -> Self {
        let side = 2 * POINT_RADIUS + 1;
        Self::at(x - POINT_RADIUS, y - POINT_RADIUS, (side, side))
    }

    pub fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }

    fn with_space_beside(self) -> Self {
        Self { left: self.left - BETWEEN, right: self.right + BETWEEN, ..self }
    }

    pub fn lies_in(&self, other: &Self) -> bool {
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
        taken.extend(placed.map(Area::with_space_beside));
        placed
    };
    points.iter().zip(sizes).map(place_one).collect()
}
