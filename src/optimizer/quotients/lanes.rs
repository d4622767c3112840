//! The step of several measures at once.
//!
//! A step appends a term to some 180 measures, each a long chain of divisions, and a CPU does several such chains in the
//! time of one. Each operation is that of [`Measure::append`] and [`Measure::two_quotients`], in the same order, and so are
//! the bits; where those leave a loop early, or do not end in two quotients, the measures are left as they were.

use std::array::from_fn;

use super::{LEAST_SHARE, MOST_NODES, Measure, Quotients, RADAU_MARGIN, RULE_ERROR, SAME_NODE, SHORT_LEVELS};

/// Measures that are taken at once.
pub(crate) const LANES: usize = 8;

type Lanes = [f64; LANES];

/// A term of each measure's: the node and the mass that [`Measure::append`] takes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Terms {
    pub nodes: Lanes,
    pub masses: Lanes,
}

/// What an update of short measures reads and writes.
#[derive(Debug, Clone, Copy, Default)]
struct ShortMeasures {
    first: Lanes,
    last: Lanes,
    centers: [Lanes; SHORT_LEVELS],
    squares: [Lanes; SHORT_LEVELS],
}

/// Two quotients of each.
#[derive(Debug, Clone, Copy, Default)]
struct TwoQuotients {
    nodes: [Lanes; 2],
    weights: [Lanes; 2],
}

/// Appends a term to each measure, and makes its two quotients. Changes nothing, and gives `false`, where one is not as most
/// are: it is not short, has no two quotients yet or fewer than three nodes, gets no mass, or needs more than two quotients.
pub(crate) fn append_and_take_two(mut each: [(&mut Measure, &mut Quotients); LANES], terms: &Terms) -> bool {
    if !each.iter().all(|(measure, rule)| measure.levels == SHORT_LEVELS && rule.count == 2) {
        return false;
    }
    let mut measures = ShortMeasures::default();
    for (lane, (measure, _)) in each.iter().enumerate() {
        measures.first[lane] = measure.first;
        measures.last[lane] = measure.last;
        for level in 0..SHORT_LEVELS {
            measures.centers[level][lane] = measure.centers[level];
            measures.squares[level][lane] = measure.squares[level];
        }
    }
    let Some(quotients) = measures.step(terms) else { return false };
    for (lane, (measure, rule)) in each.iter_mut().enumerate() {
        measure.last = measures.last[lane];
        for level in 0..SHORT_LEVELS {
            measure.centers[level] = measures.centers[level][lane];
            measure.squares[level] = measures.squares[level][lane];
        }
        rule.least = 0.0;
        for i in 0..2 {
            rule.nodes[MOST_NODES - 2 + i] = quotients.nodes[i][lane];
            rule.weights[MOST_NODES - 2 + i] = quotients.weights[i][lane];
        }
    }
    true
}

impl ShortMeasures {
    /// `None` where a lane needs the other code; what is in `self` is then of no use.
    ///
    /// Each loop over the lanes is short and without branches: so the compiler puts them side by side, and a CPU begins the
    /// next ones before the first are done.
    fn step(&mut self, terms: &Terms) -> Option<TwoQuotients> {
        let mut is_usual = [true; LANES];
        let distances: Lanes = from_fn(|lane| {
            let (node, first) = (terms.nodes[lane], self.first[lane]);
            self.last[lane] = if node <= self.last[lane] { self.last[lane] } else { node };
            if node <= first { 0.0 } else { node - first }
        });
        // As `rotate` does.
        let (mut extra, mut kept, mut shift) = (terms.masses, [1.0; LANES], Lanes::default());
        for (centers, squares) in self.centers.iter_mut().zip(&mut self.squares) {
            for lane in 0..LANES {
                let sum = squares[lane] + extra[lane];
                let old_square = squares[lane];
                squares[lane] = kept[lane] * sum;
                kept[lane] = old_square / sum;
                let taken = extra[lane] / sum;
                // Also where the sum is 0: these are NaN then.
                is_usual[lane] &= (taken > 0.0) & (kept[lane] > 0.0);
                let next_shift = taken * (centers[lane] - distances[lane]) - kept[lane] * shift[lane];
                centers[lane] -= next_shift - shift[lane];
                shift[lane] = next_shift;
                extra[lane] = shift[lane] * shift[lane] / taken;
            }
        }
        // As `two_do` does.
        let Self { first, last, centers, squares } = &*self;
        for lane in 0..LANES {
            let total = centers[0][lane] + centers[1][lane] + centers[2][lane];
            let total = total + squares[0][lane] + squares[1][lane] + squares[2][lane];
            let (first, last) = (first[lane], last[lane]);
            is_usual[lane] &= total.is_finite() & last.is_finite() & (first > 0.0) & (first >= LEAST_SHARE * last);
            // As `node_count` does.
            is_usual[lane] &= squares[1][lane] > SAME_NODE * last * last;
        }
        // As `errors` does, at 0.
        let margin: Lanes = from_fn(|lane| RADAU_MARGIN * first[lane]);
        let mut pivot: Lanes = from_fn(|lane| first[lane] + centers[0][lane]);
        let mut radau_pivot: Lanes = from_fn(|lane| margin[lane] + centers[0][lane]);
        let (mut share, mut rule, mut error) = ([1.0; LANES], Lanes::default(), Lanes::default());
        for (centers, squares) in centers.iter().zip(squares).skip(1) {
            for lane in 0..LANES {
                let inverse = 1.0 / pivot[lane];
                let (below, radau_below) = (squares[lane] * inverse, squares[lane] / radau_pivot[lane]);
                let part = share[lane] * inverse;
                rule[lane] += part;
                share[lane] = part * below;
                error[lane] = share[lane] / ((first[lane] - margin[lane] + radau_below - below) * rule[lane]);
                pivot[lane] = first[lane] + centers[lane] - below;
                radau_pivot[lane] = margin[lane] + centers[lane] - radau_below;
            }
        }
        is_usual.iter_mut().zip(error).for_each(|(usual, error)| *usual &= error <= RULE_ERROR);
        // As `two_nodes` does.
        let mut quotients = TwoQuotients::default();
        for lane in 0..LANES {
            let (center, square) = (centers[0][lane], squares[1][lane]);
            let half = 0.5 * (centers[1][lane] - center);
            let larger = half.abs() + (half * half + square).sqrt();
            let smaller = square / larger;
            let inverse = 1.0 / (larger * larger + square);
            let (far, near) = (square * inverse, larger * larger * inverse);
            let is_left = half < 0.0;
            let nodes = [
                if is_left { center + smaller } else { center + larger },
                if is_left { center - larger } else { center - smaller },
            ];
            let shares = [if is_left { near } else { far }, if is_left { far } else { near }];
            for i in 0..2 {
                let node = first[lane] + nodes[i];
                let node = if node < first[lane] { first[lane] } else { node };
                quotients.nodes[i][lane] = if node > last[lane] { last[lane] } else { node };
                quotients.weights[i][lane] = squares[0][lane] * shares[i];
            }
        }
        is_usual.iter().all(|&usual| usual).then_some(quotients)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All numbers of both, by their bits.
    fn bits((measure, rule): (Measure, Quotients)) -> Vec<u64> {
        let Measure { first, last, centers, squares, levels } = measure;
        let of_rule = [rule.weights, rule.nodes].concat();
        let numbers = [first, last, rule.least].into_iter().chain(centers).chain(squares).chain(of_rule);
        numbers.map(f64::to_bits).chain([levels as u64, rule.count as u64]).collect()
    }

    /// Measures of different ages go on together as each by itself, bit for bit, and those that are not as most are
    /// are given back as they were.
    #[test]
    fn the_bits_are_those_of_one_at_a_time() {
        let mut state = 7u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let (mut together, mut refused) = (0, 0);
        for round in 0..200 {
            let spread = [1e-3, 1e-2, 1.0][round % 3];
            let mut alone = [(Measure::EMPTY_SHORT, Quotients::NONE); LANES];
            let mut node = [1.0; LANES];
            for step in 0..40 {
                let mut terms = Terms::default();
                for (lane, node) in node.iter_mut().enumerate() {
                    *node += spread * random() * f64::from(u8::from(random() > 0.1));
                    terms.nodes[lane] = *node;
                    terms.masses[lane] = random() * 0.9f64.powi(step) * f64::from(u8::from(random() > 0.01));
                }
                // Rounding may bring a node before the last one; and sizes may overflow, late, for nothing comes after that.
                terms.nodes[step as usize % LANES] *= 1.0 - f64::EPSILON;
                if step == 39 {
                    terms.masses[round % LANES] = [1e308, f64::INFINITY, f64::NAN][round / 3 % 3];
                }
                let mut lanes = alone;
                let done = append_and_take_two(lanes.each_mut().map(|(measure, rule)| (measure, rule)), &terms);
                if !done {
                    assert_eq!(lanes.map(bits), alone.map(bits));
                }
                let before = alone;
                for (lane, (measure, rule)) in alone.iter_mut().enumerate() {
                    measure.append(terms.nodes[lane], terms.masses[lane]);
                    if !measure.two_quotients(rule) {
                        assert!(!done);
                        *rule = Quotients::NONE;
                    }
                }
                if done {
                    assert!(before.iter().all(|(measure, _)| measure.mass() > 0.0));
                    assert_eq!(lanes.map(bits), alone.map(bits));
                    together += 1;
                } else {
                    refused += 1;
                }
            }
        }
        assert!(together > 2_000 && refused > 500, "{together} {refused}");
    }
}
