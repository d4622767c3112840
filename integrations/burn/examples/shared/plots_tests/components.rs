//! What becomes of rows in the plane.

use std::f32::consts::TAU;

use crate::plots::components::*;

#[test]
fn points_on_a_line_stay_on_a_line() {
    // Along (3, 4, 0, 12), of length 13, with steps that no symmetry hides.
    let steps = [-3.0, -1.0, 0.0, 0.5, 2.0, 7.0_f32];
    let rows: Vec<_> = steps.iter().flat_map(|&s| [5.0 + 3.0 * s, 4.0 * s, -1.0, 12.0 * s]).collect();
    let Plane { points, shares } = plane(&rows, 4).unwrap();
    let mean = steps.iter().sum::<f32>() / 6.0;
    // Either direction is right.
    let sign = points[5][0].signum();
    for (point, step) in points.iter().zip(steps) {
        let expected = f64::from(13.0 * (step - mean)) * sign;
        assert!((point[0] - expected).abs() < 1e-4 && point[1].abs() < 1e-4, "{point:?}, not {expected}");
    }
    assert!((shares[0] - 1.0).abs() < 1e-6 && shares[1] < 1e-6, "{shares:?}");
}

#[test]
fn the_axes_of_a_cross_are_found_longest_first() {
    // Fewer rows than floats in a row, and more.
    for width in [2, 3, 300] {
        let mut rows = vec![0.0; 4 * width];
        for (row, value) in [3.0, -3.0, 1.0, -1.0].into_iter().enumerate() {
            rows[row * width + usize::from(row < 2)] = value;
        }
        let Plane { points, shares } = plane(&rows, width).unwrap();
        let size = |row: usize| points[row].map(f64::abs);
        for (row, expected) in [(0, [3.0, 0.0]), (1, [3.0, 0.0]), (2, [0.0, 1.0]), (3, [0.0, 1.0])] {
            let near = (0..2).all(|axis| (size(row)[axis] - expected[axis]).abs() < 1e-6);
            assert!(near, "{width}, {row}: {:?}", points[row]);
        }
        assert!((shares[0] - 0.9).abs() < 1e-6 && (shares[1] - 0.1).abs() < 1e-6, "{shares:?}");
    }
}

#[test]
fn the_two_widest_of_many_directions_are_found() {
    // Waves of different lengths have no correlation, so that each of these 80 columns is a component.
    let wave = |row: usize, column: usize| (TAU * ((column + 1) * row) as f32 / 200.0).cos();
    let amplitude = |column: usize| [(13, 3.0), (57, 2.0)].iter().find(|(c, _)| *c == column).map_or(0.1, |c| c.1);
    let rows: Vec<_> = (0..200 * 80).map(|n| amplitude(n % 80) * wave(n / 80, n % 80)).collect();
    let Plane { points, shares } = plane(&rows, 80).unwrap();
    for (component, column) in [(0, 13), (1, 57)] {
        let sign = points[0][component].signum();
        for (row, point) in points.iter().enumerate() {
            let expected = f64::from(amplitude(column) * wave(row, column));
            assert!((point[component] * sign - expected).abs() < 1e-4, "{point:?}, not {expected}");
        }
    }
    let expected = [9.0, 4.0].map(|square| square / (9.0 + 4.0 + 78.0 * 0.01));
    assert!((0..2).all(|axis| (shares[axis] - expected[axis]).abs() < 1e-5), "{shares:?}, not {expected:?}");
}

#[test]
fn few_rows_narrow_rows_and_equal_rows() {
    assert!(plane(&[], 3).unwrap().points.is_empty());
    assert_eq!(plane(&[1.0, 2.0, 3.0], 3).unwrap().points, [[0.0; 2]]);
    assert_eq!(plane(&[0.1; 35], 5).unwrap().points, [[0.0; 2]; 7]);
    let sizes = plane(&[1.0, 2.0, 6.0], 1).unwrap().points.into_iter().map(|[x, y]| [(x.abs() * 1e6).round(), y]);
    assert_eq!(sizes.collect::<Vec<_>>(), [[2e6, 0.0], [1e6, 0.0], [3e6, 0.0]]);
    for rows in [[0.0, 0.0, 3.0, 4.0], [0.0, 0.0, 3e-20, 4e-20], [0.0, 0.0, 3e30, 4e30]] {
        let points = plane(&rows, 2).unwrap().points;
        let length = f64::from(rows[3]) * 1.25;
        assert!((points[0][0] - points[1][0]).abs() / length > 0.999_999, "{points:?}");
        assert!(points.iter().all(|point| point[1].abs() / length < 1e-6), "{points:?}");
    }
}
