//! The sum of a row's missed steps as a few quotients.
//!
//! A row last updated at step t0 moves, over its missed steps, by m times
//!
//! ```text
//! sum over j = 1 .. k of p_j / (s + epsilon e_j)
//! ```
//!
//! The p_j at the nodes e_j are a discrete measure that all rows with the same t0 share. Gauss's rule of that measure with
//! n nodes replaces the sum by `sum of W_i / (s + epsilon E_i)`, n quotients. [`Measure`] keeps the first recurrence
//! coefficients of the measure's orthogonal polynomials, `p_{k+1}(e) = (e - a_k) p_k(e) - b_k p_{k-1}(e)`, and adds one
//! atom at a time (Gragg and Harwood's algorithm, as Gautschi gives it): the first coefficients depend on the first alone,
//! nothing is subtracted that cancels, and no atom has to be kept.
//!
//! The error is bounded rigorously. With x = s / epsilon, h_n = b_0 b_1 .. b_n and p_n(-x) = prod -(x + E_i), the rule is
//! below the sum by exactly
//!
//! ```text
//! integral of p_n(e)^2 / (x + e) / p_n(-x)^2
//! ```
//!
//! because 1 / (x + e) less its Hermite interpolant at the E_i is p_n(e)^2 / ((x + e) p_n(-x)^2). The integral of p_n^2 is
//! h_n. Of all measures with these coefficients and no node below e_1, Gauss and Radau's rule, which has e_1 as a node, has
//! the largest integral; that is the bound. Relative to the rule it falls as x rises.
//!
//! Only `+`, `-`, `*`, `/` and `sqrt` of f64, which are the same everywhere.

pub(super) mod lanes;

/// What the quotients may be off by, relative: half of f32's own rounding.
pub(crate) const RULE_ERROR: f64 = 1.0 / (1u64 << 25) as f64;

/// The numbers of quotients that pipelines are built for.
pub(crate) const NODE_COUNTS: [usize; 4] = [2, 3, 4, 6];

/// The most of them.
pub(crate) const MOST_NODES: usize = 6;

/// Coefficients that are kept: those of the rules, and one more for the error.
const LEVELS: usize = MOST_NODES + 1;

/// Those of two quotients, and one more for the error.
const SHORT_LEVELS: usize = 3;

/// Nodes whose squared distance is below this share of the square of the largest are one node: 2^-100.
const SAME_NODE: f64 = 1.0 / (1u128 << 100) as f64;

/// How far below the first node the bound takes mass to be, as a share of it.
const RADAU_MARGIN: f64 = 1.0 / 1024.0;

/// Nodes are off by the largest one's rounding. Below this share of the largest node that is too much: 2^-21.
const LEAST_SHARE: f64 = 1.0 / (1u64 << 21) as f64;

/// The atoms so far, as far as the rules depend on them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Measure {
    /// e_1. Nodes are kept less this one, so that close ones keep their digits.
    first: f64,
    /// The last node, which is the largest.
    last: f64,
    /// a_0, a_1, ..., less the first node.
    centers: [f64; LEVELS],
    /// The mass b_0, then b_1, b_2, ...
    squares: [f64; LEVELS],
    /// How many of each are kept.
    levels: usize,
}

/// `sum of weights[i] / (s + epsilon * nodes[i])`, to be added up in this order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quotients {
    /// The quotients at the end that count. Those before have weight 0: pipelines with more quotients add the same bits.
    pub count: usize,
    /// None is negative.
    pub weights: [f64; MOST_NODES],
    /// All are positive. Those that count fall, so that the smallest quotient mostly comes first.
    pub nodes: [f64; MOST_NODES],
    /// The least `s / epsilon` from which they are within [`RULE_ERROR`] of the sum; 0 where they always are, infinite where
    /// they never are.
    pub least: f64,
}

impl Quotients {
    /// Those of the empty measure.
    pub(crate) const NONE: Self = Self { count: 0, weights: [0.0; MOST_NODES], nodes: [1.0; MOST_NODES], least: 0.0 };

    /// Of a measure that f64 cannot hold.
    const UNKNOWN: Self = Self { least: f64::INFINITY, ..Self::NONE };
}

impl Measure {
    /// No atoms.
    pub(crate) const EMPTY: Self =
        Self { first: 1.0, last: 1.0, centers: [0.0; LEVELS], squares: [0.0; LEVELS], levels: LEVELS };

    /// No atoms, and of those to come only what two quotients take: an atom then costs less than half as much.
    pub(crate) const EMPTY_SHORT: Self = Self { levels: SHORT_LEVELS, ..Self::EMPTY };

    /// Whether only what two quotients take is kept.
    pub(crate) fn is_short(&self) -> bool {
        self.levels < LEVELS
    }

    /// The sum of all p_j.
    pub(crate) fn mass(&self) -> f64 {
        self.squares[0]
    }

    /// Adds `mass` at `node`, which is not below the first node; a mass of 0 adds nothing.
    pub(crate) fn append(&mut self, node: f64, mass: f64) {
        if mass == 0.0 {
            return;
        }
        if self.squares[0] == 0.0 {
            *self = Self { first: node, last: node, levels: self.levels, ..Self::EMPTY };
        }
        debug_assert!(node.is_nan() || node >= self.first * (1.0 - 1e-12), "{node} below the first, {}", self.first);
        // Equal nodes may come out in any order from rounding. A NaN stays, and `is_sound` finds it.
        self.last = if node <= self.last { self.last } else { node };
        let distance = if node <= self.first { 0.0 } else { node - self.first };
        if self.is_short() {
            self.rotate::<SHORT_LEVELS>(distance, mass);
        } else {
            self.rotate::<LEVELS>(distance, mass);
        }
    }

    /// Plane rotations bring the new atom in, level by level: the squares of sine and cosine are `taken` and `kept`.
    fn rotate<const COUNT: usize>(&mut self, distance: f64, mass: f64) {
        let (mut extra, mut kept, mut taken, mut shift) = (mass, 1.0, 0.0, 0.0);
        for (center, square) in self.centers[..COUNT].iter_mut().zip(&mut self.squares) {
            let sum = *square + extra;
            if sum == 0.0 {
                // The atoms so far have fewer nodes than there are levels, and the new one is among them.
                *square = 0.0;
                break;
            }
            let old_square = std::mem::replace(square, kept * sum);
            let old_taken = taken;
            kept = old_square / sum;
            taken = extra / sum;
            let next_shift = taken * (*center - distance) - kept * shift;
            *center -= next_shift - shift;
            shift = next_shift;
            // Where the new node is a zero of the level's polynomial, it changes no more than the norms around it.
            extra = if taken == 0.0 { old_taken * old_square } else { shift * shift / taken };
            if kept == 0.0 {
                // This level is the new node's own; there are none below it.
                break;
            }
        }
    }

    /// Whether f64 could hold all of the first `levels`.
    fn is_sound(&self, levels: usize) -> bool {
        let sum: f64 = self.centers[..levels].iter().chain(&self.squares[..levels]).sum();
        // One that is infinite or NaN makes the sum so.
        sum.is_finite() && self.last.is_finite() && self.first > 0.0
    }

    /// Distinct nodes, or as many as there are levels if there are more.
    fn node_count(&self) -> usize {
        let same = SAME_NODE * self.last * self.last;
        self.squares[1..self.levels].iter().position(|&square| square <= same).map_or(self.levels, |place| place + 1)
    }

    /// Bounds of the relative errors of the rules with 1, 2, ... COUNT nodes, for `s / epsilon = x`.
    fn errors<const COUNT: usize>(&self, x: f64) -> [f64; COUNT] {
        let mut errors = [0.0; COUNT];
        // Gauss and Radau's node: a little below the first node, so that no pivot loses its digits.
        let margin = RADAU_MARGIN * self.first;
        let first = x + self.first;
        let least = first - margin;
        // The last pivots of the Jacobi matrix plus x, and of the one less that node.
        let (mut pivot, mut radau_pivot) = (first + self.centers[0], margin + self.centers[0]);
        // h_n / p_n(-x)^2, and the rule itself, as shares of the mass.
        let (mut share, mut rule) = (1.0, 0.0);
        for (level, error) in (1..).zip(&mut errors) {
            let square = self.squares[level];
            let inverse = 1.0 / pivot;
            let (below, radau_below) = (square * inverse, square / radau_pivot);
            let part = share * inverse;
            rule += part;
            share = part * below;
            *error = share / ((least + radau_below - below) * rule);
            pivot = first + self.centers[level] - below;
            radau_pivot = margin + self.centers[level] - radau_below;
        }
        errors
    }

    /// Whether rounding leaves the nodes and the bound their digits, for `s / epsilon = x`.
    fn is_narrow(&self, x: f64) -> bool {
        x + self.first >= LEAST_SHARE * self.last
    }

    /// Whether the rule with two nodes is within [`RULE_ERROR`] for every s. It mostly is.
    pub(crate) fn two_do(&self) -> bool {
        self.mass() == 0.0
            || self.is_sound(SHORT_LEVELS) && self.is_narrow(0.0) && self.errors::<2>(0.0)[1] <= RULE_ERROR
    }

    /// The least of [`NODE_COUNTS`] whose rule is within [`RULE_ERROR`] for every s; `None` if there is none. A short measure
    /// must need two.
    pub(crate) fn nodes_needed(&self) -> Option<usize> {
        if self.two_do() {
            return Some(2);
        }
        debug_assert!(!self.is_short());
        if !self.is_sound(LEVELS) || !self.is_narrow(0.0) {
            return None;
        }
        let errors = self.errors::<MOST_NODES>(0.0);
        NODE_COUNTS.into_iter().find(|&count| errors[count - 1] <= RULE_ERROR)
    }

    /// The least `s / epsilon` from which the rule with `count` nodes is within [`RULE_ERROR`], or up to an eighth more.
    pub(crate) fn least(&self, count: usize) -> f64 {
        if self.mass() == 0.0 {
            return 0.0;
        }
        if !self.is_sound(count + 1) {
            return f64::INFINITY;
        }
        let covers = |x: f64| self.is_narrow(x) && self.errors::<MOST_NODES>(x)[count - 1] <= RULE_ERROR;
        if covers(0.0) {
            return 0.0;
        }
        let (mut below, mut above) = (0.0, self.first / 64.0);
        while !covers(above) {
            (below, above) = (above, 2.0 * above);
            if !above.is_finite() {
                return f64::INFINITY;
            }
        }
        for _ in 0..3 {
            let middle = 0.5 * (below + above);
            *(if covers(middle) { &mut above } else { &mut below }) = middle;
        }
        above
    }

    /// Whether the rule with two nodes does at every s, which then becomes `rule`. Nearly all rules are made here.
    pub(crate) fn two_quotients(&self, rule: &mut Quotients) -> bool {
        if !self.two_do() {
            return false;
        }
        if self.mass() == 0.0 || self.node_count() < 2 || rule.count > 2 {
            *rule = self.rule(2, 0.0);
        } else {
            // The others are as they were.
            let (nodes, shares) = self.two_nodes();
            (rule.count, rule.least) = (2, 0.0);
            for (i, (node, share)) in (MOST_NODES - 2..).zip(nodes.into_iter().zip(shares)) {
                rule.nodes[i] = (self.first + node).clamp(self.first, self.last);
                rule.weights[i] = self.squares[0] * share;
            }
        }
        true
    }

    /// The rule with the fewest nodes that does at every s, or with the most there are and a least s. It depends on the atoms
    /// alone, so that a row's bits do not depend on what other rows need.
    pub(crate) fn quotients(&self) -> Quotients {
        match self.nodes_needed() {
            Some(count) => self.rule(count, 0.0),
            None => self.rule(MOST_NODES, self.least(MOST_NODES)),
        }
    }

    /// The rule with `count` nodes, from 1 to [`MOST_NODES`].
    #[cfg(test)]
    pub(crate) fn quotients_of(&self, count: usize) -> Quotients {
        self.rule(count, self.least(count))
    }

    fn rule(&self, count: usize, least: f64) -> Quotients {
        if self.mass() == 0.0 {
            return Quotients::NONE;
        }
        if !self.is_sound(count + 1) {
            return Quotients::UNKNOWN;
        }
        let mut quotients = Quotients { least, ..Quotients::NONE };
        let found = count.min(self.node_count());
        let (nodes, shares) = match found {
            1 => ([self.centers[0]; MOST_NODES], [1.0; MOST_NODES]),
            2 => {
                let ([n0, n1], [s0, s1]) = self.two_nodes();
                ([n0, n1, 0.0, 0.0, 0.0, 0.0], [s0, s1, 0.0, 0.0, 0.0, 0.0])
            }
            _ => match self.nodes_and_shares(found) {
                Some(found) => found,
                None => return Quotients::UNKNOWN,
            },
        };
        quotients.count = found;
        let surplus = MOST_NODES - found;
        for i in 0..found {
            quotients.nodes[surplus + i] = (self.first + nodes[i]).clamp(self.first, self.last);
            quotients.weights[surplus + i] = self.squares[0] * shares[i];
        }
        // Insertion: n is six at most.
        for i in surplus + 1..MOST_NODES {
            let mut place = i;
            while place > surplus && quotients.nodes[place - 1] < quotients.nodes[place] {
                quotients.nodes.swap(place - 1, place);
                quotients.weights.swap(place - 1, place);
                place -= 1;
            }
        }
        quotients
    }

    /// The rule with two nodes: they, less the first node, the larger one first, and their shares of the mass.
    fn two_nodes(&self) -> ([f64; 2], [f64; 2]) {
        let (center, square) = (self.centers[0], self.squares[1]);
        let half = 0.5 * (self.centers[1] - center);
        // The distances of the nodes from the center have the product -square; the larger one does not cancel.
        let larger = half.abs() + (half * half + square).sqrt();
        let smaller = square / larger;
        let inverse = 1.0 / (larger * larger + square);
        let (far, near) = (square * inverse, larger * larger * inverse);
        if half < 0.0 {
            ([center + smaller, center - larger], [near, far])
        } else {
            ([center + larger, center - smaller], [far, near])
        }
    }

    /// The same with `count` nodes: eigenvalues, and squared first components of the eigenvectors, of the Jacobi matrix, by
    /// the implicit QL algorithm (Golub and Welsch). `None` if it does not converge, which has not been seen.
    fn nodes_and_shares(&self, count: usize) -> Option<([f64; MOST_NODES], [f64; MOST_NODES])> {
        let (mut diagonal, mut beside, mut vector) = ([0.0; MOST_NODES], [0.0; MOST_NODES], [0.0; MOST_NODES]);
        diagonal[..count].copy_from_slice(&self.centers[..count]);
        for i in 1..count {
            beside[i - 1] = self.squares[i].sqrt();
        }
        vector[0] = 1.0;
        for first in 0..count {
            let mut rounds = 0;
            loop {
                let mut end = first;
                while end + 1 < count {
                    let size = diagonal[end].abs() + diagonal[end + 1].abs();
                    if beside[end].abs() <= f64::EPSILON * size {
                        break;
                    }
                    end += 1;
                }
                if end == first {
                    break;
                }
                rounds += 1;
                if rounds > 60 {
                    return None;
                }
                let half = (diagonal[first + 1] - diagonal[first]) / (2.0 * beside[first]);
                let root = (half * half + 1.0).sqrt();
                let signed = if half < 0.0 { half - root } else { half + root };
                let mut ahead = diagonal[end] - diagonal[first] + beside[first] / signed;
                let (mut sine, mut cosine, mut moved) = (1.0, 1.0, 0.0);
                let mut split = false;
                for i in (first..end).rev() {
                    let (f, b) = (sine * beside[i], cosine * beside[i]);
                    let radius = (f * f + ahead * ahead).sqrt();
                    beside[i + 1] = radius;
                    if radius == 0.0 {
                        diagonal[i + 1] -= moved;
                        beside[end] = 0.0;
                        split = true;
                        break;
                    }
                    (sine, cosine) = (f / radius, ahead / radius);
                    let rest = diagonal[i + 1] - moved;
                    let turn = (diagonal[i] - rest) * sine + 2.0 * cosine * b;
                    moved = sine * turn;
                    diagonal[i + 1] = rest + moved;
                    ahead = cosine * turn - b;
                    (vector[i], vector[i + 1]) =
                        (cosine * vector[i] - sine * vector[i + 1], sine * vector[i] + cosine * vector[i + 1]);
                }
                if !split {
                    diagonal[first] -= moved;
                    beside[first] = ahead;
                    beside[end] = 0.0;
                }
            }
        }
        Some((diagonal, vector.map(|component| component * component)))
    }
}

#[cfg(test)]
#[path = "quotients_tests.rs"]
mod tests;
