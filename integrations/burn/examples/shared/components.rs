//! Principal components: rows of many floats as points of a plane.

use linfa_linalg::Order;
use linfa_linalg::svd::{SVD, SvdSort};
use ndarray::{Array2, Axis};

use crate::program::Result;

/// Rows in the plane that shows most of how they differ.
pub struct Plane {
    /// A row's first and second component.
    pub points: Vec<[f64; 2]>,
    /// How much of the rows' variance lies along each component, from 0 to 1.
    pub shares: [f64; 2],
}

/// Projects rows of `width` finite floats each on their first two principal components.
///
/// Rows that differ in one direction only, or not at all, have zeros as the components that they lack.
pub fn plane(rows: &[f32], width: usize) -> Result<Plane> {
    let rows: Vec<f64> = rows.iter().map(|&value| value.into()).collect();
    let mut rows = Array2::from_shape_vec((rows.len() / width, width), rows)?;
    let Some(mean) = rows.mean_axis(Axis(0)) else {
        return Ok(Plane { points: Vec::new(), shares: [0.0; 2] });
    };
    let largest_mean = mean.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    rows -= &mean;
    // Squares of the smallest floats would vanish.
    let largest = rows.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    // What rounding leaves of equal rows is no difference.
    if largest <= 1e-12 * largest_mean {
        return Ok(Plane { points: vec![[0.0; 2]; rows.nrows()], shares: [0.0; 2] });
    }
    rows /= largest;
    let (left, singular_values, _) = rows.view().svd(true, false)?.sort_svd(Order::Largest);
    let left = left.unwrap_or_default();
    // Narrow rows have one component, and so has one row.
    let value = |row, component| {
        let length = singular_values.get(component).copied().unwrap_or(0.0);
        left.get([row, component]).map_or(0.0, |value| value * length)
    };
    let points: Vec<_> = (0..rows.nrows()).map(|row| [0, 1].map(|component| value(row, component))).collect();
    let all: f64 = rows.iter().map(|value| value * value).sum();
    let along = |component: usize| points.iter().map(|point| point[component] * point[component]).sum::<f64>();
    let shares = [0, 1].map(|component| along(component) / all);
    Ok(Plane { points: points.iter().map(|point| point.map(|value| value * largest)).collect(), shares })
}
