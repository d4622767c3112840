use super::*;

const BETAS: [(f64, f64); 8] =
    [(0.9, 0.999), (0.9, 0.98), (0.9, 0.99), (0.95, 0.999), (0.8, 0.95), (0.0, 0.999), (0.99, 0.999), (0.5, 0.9999)];

impl Quotients {
    /// The sum, in units of 1 / epsilon.
    fn sum(&self, x: f64) -> f64 {
        self.weights.iter().zip(&self.nodes).map(|(weight, node)| weight / (x + node)).sum()
    }
}

type Rate = fn(u64) -> f64;

const RATES: [(&str, Rate); 4] = [
    ("constant", |_| 1e-3),
    ("warm-up", |step| 1e-6 * step as f64),
    ("jumps", |step| if step % 29 == 28 { 1e-7 } else { 1e-3 }),
    ("from zero", |step| if step < 5 { 0.0 } else { 1e-3 * 0.5f64.powi((step / 50 % 40) as i32) }),
];

/// Settings of Adam.
#[derive(Debug, Clone, Copy)]
struct Form {
    betas: (f64, f64),
    pytorch: bool,
    amsgrad: bool,
    decay: f64,
    rate: usize,
}

impl Form {
    fn all(betas: (f64, f64)) -> impl Iterator<Item = Self> {
        (0..32).map(move |bits| Self {
            betas,
            pytorch: bits & 1 != 0,
            amsgrad: bits & 2 != 0,
            decay: if bits & 4 != 0 { 0.1 } else { 0.0 },
            rate: bits >> 3,
        })
    }

    fn root(&self) -> f64 {
        if self.amsgrad { 1.0 } else { self.betas.1.sqrt() }
    }

    fn horizon(&self) -> u64 {
        (-28.0 * 2f64.ln() / (self.betas.0 / self.root()).ln()).ceil().max(1.0) as u64
    }

    /// The e_j and p_j of the steps after `start`.
    fn atoms(&self, start: u64, count: u64) -> Vec<(f64, f64)> {
        let ((beta_1, beta_2), root) = (self.betas, self.root());
        let mut decay = 1.0;
        let atom = |j: u64| {
            let step = start + j;
            let bias = (1.0 - beta_2.powi(step as i32)).sqrt();
            let rate = RATES[self.rate].1(step);
            decay *= 1.0 - rate * self.decay;
            let node = if self.pytorch { bias } else { 1.0 } * root.powi(-(j as i32));
            (node, rate * bias / (1.0 - beta_1.powi(step as i32)) * (beta_1 / root).powi(j as i32) / decay)
        };
        (1..=count).map(atom).collect()
    }
}

fn measure_of(atoms: &[(f64, f64)]) -> Measure {
    let mut measure = Measure::EMPTY;
    for &(node, mass) in atoms {
        measure.append(node, mass);
    }
    measure
}

/// In units of 1 / epsilon, with the smallest first.
fn direct_sum(atoms: &[(f64, f64)], x: f64) -> f64 {
    atoms.iter().rev().map(|(node, mass)| mass / (x + node)).sum()
}

/// s / epsilon from 0 and 1e-6 to 1e12.
fn grid(per_decade: i32) -> impl Iterator<Item = f64> {
    let points = (0..=18 * per_decade).map(move |i| 10f64.powf(f64::from(i) / f64::from(per_decade) - 6.0));
    std::iter::once(0.0).chain(points)
}

fn counts(horizon: u64) -> Vec<u64> {
    let mut counts = vec![1, 2, 3, 4, 5, 6, 7, 8, 12, 25, 60, horizon / 2, horizon - 1, horizon];
    counts.retain(|count| (1..=horizon).contains(count));
    counts.sort_unstable();
    counts.dedup();
    counts
}

/// Checks each rule of this measure where it says that it holds, and its bound everywhere; gives the worst error where
/// the rule holds.
fn check(atoms: &[(f64, f64)], grid: &[f64], what: &dyn Fn() -> String) -> f64 {
    let measure = measure_of(atoms);
    let needed = measure.nodes_needed();
    let rules = NODE_COUNTS.map(|count| measure.quotients_of(count));
    let mut worst = 0.0f64;
    for (count, rule) in NODE_COUNTS.into_iter().zip(&rules) {
        assert_eq!(needed.is_some_and(|needed| needed <= count), rule.least == 0.0, "{}, {count}", what());
        assert!(rule.least >= 0.0 && rule.weights.iter().all(|&weight| weight >= 0.0), "{}: {rule:?}", what());
        assert!(rule.nodes.iter().all(|&node| node > 0.0 && node.is_finite()), "{}: {rule:?}", what());
    }
    assert_eq!(measure.quotients(), rules[NODE_COUNTS.iter().position(|&n| n == needed.unwrap_or(6)).unwrap()]);
    for &x in grid.iter().chain(&rules.map(|rule| rule.least)) {
        let exact = direct_sum(atoms, x);
        let errors = measure.errors::<MOST_NODES>(x);
        for (count, rule) in NODE_COUNTS.into_iter().zip(&rules) {
            if exact == 0.0 {
                assert_eq!(rule.sum(x), 0.0);
                continue;
            }
            let error = 1.0 - rule.sum(x) / exact;
            // Relative to the sum, not to the rule.
            let bound = 1.0 - 1.0 / (1.0 + errors[count - 1]);
            // Rounding is no error of the rule's. Not `>`, which a NaN would pass.
            assert!(error <= bound + 1e-12, "{}, {count} nodes, {x:e}: {error:e} > {bound:e}", what());
            assert!(error >= -1e-12, "{}, {count} nodes, {x:e}: {error:e}", what());
            if x >= rule.least {
                assert!(error <= RULE_ERROR, "{}, {count} nodes, {x:e}: {error:e}", what());
                worst = worst.max(error);
            }
        }
    }
    worst
}

#[test]
fn the_quotients_are_the_sum_wherever_they_say_so() {
    let grid: Vec<f64> = grid(1).collect();
    let mut worst = 0.0f64;
    for form in BETAS.into_iter().flat_map(Form::all) {
        for start in [0, 1, 5, 20, 60, 140, 700, 2_000] {
            let atoms = form.atoms(start, form.horizon());
            for count in counts(form.horizon()) {
                worst =
                    worst.max(check(&atoms[..count as usize], &grid, &|| format!("{form:?}, {count} after {start}")));
            }
        }
    }
    // A bound that nothing comes near would say little.
    assert!(worst > 0.5 * RULE_ERROR, "{worst:e}");
}

#[test]
fn every_number_of_steps_is_covered() {
    let grid: Vec<f64> = grid(1).collect();
    for rate in 0..RATES.len() {
        let form = Form { betas: (0.9, 0.999), pytorch: true, amsgrad: false, decay: 0.1, rate };
        for start in [0, 3, 30, 800] {
            let atoms = form.atoms(start, form.horizon());
            for count in 1..=atoms.len() {
                check(&atoms[..count], &grid, &|| format!("{form:?}, {count} after {start}"));
            }
        }
    }
}

/// A number of twice f64's digits: the sum of two.
#[derive(Clone, Copy)]
struct Double(f64, f64);

impl Double {
    fn of_sum(a: f64, b: f64) -> Self {
        let sum = a + b;
        let rest = sum - a;
        Self(sum, (a - (sum - rest)) + (b - rest))
    }

    fn plus(self, other: Self) -> Self {
        let sum = Self::of_sum(self.0, other.0);
        Self::of_sum(sum.0, sum.1 + self.1 + other.1)
    }

    fn times(self, other: Self) -> Self {
        let product = self.0 * other.0;
        let rest = self.0.mul_add(other.0, -product) + (self.0 * other.1 + self.1 * other.0);
        Self::of_sum(product, rest)
    }

    fn over(self, other: Self) -> Self {
        let first = self.0 / other.0;
        let rest = self.plus(other.times(Self(-first, 0.0)));
        let second = rest.0 / other.0;
        let rest = rest.plus(other.times(Self(-second, 0.0)));
        Self::of_sum(first, second).plus(Self(rest.0 / other.0, 0.0))
    }
}

/// a_i less the first node and b_i, by Stieltjes's procedure from all atoms, with twice f64's digits.
fn stieltjes(atoms: &[(f64, f64)]) -> ([f64; LEVELS], [f64; LEVELS]) {
    let zero = Double(0.0, 0.0);
    let nodes: Vec<Double> = atoms.iter().map(|&(node, _)| Double::of_sum(node, -atoms[0].0)).collect();
    let mut values = vec![(zero, Double(1.0, 0.0)); atoms.len()];
    let (mut centers, mut squares, mut last_norm) = ([0.0; LEVELS], [0.0; LEVELS], zero);
    for level in 0..LEVELS.min(atoms.len()) {
        let (mut norm, mut moment) = (zero, zero);
        for ((&(_, mass), &node), &(_, value)) in atoms.iter().zip(&nodes).zip(&values) {
            let part = value.times(value).times(Double(mass, 0.0));
            norm = norm.plus(part);
            moment = moment.plus(part.times(node));
        }
        let center = moment.over(norm);
        let square = if level == 0 { norm } else { norm.over(last_norm) };
        (centers[level], squares[level], last_norm) = (center.0, square.0, norm);
        for ((before, value), &node) in values.iter_mut().zip(&nodes) {
            let above = if level == 0 { zero } else { before.times(square) };
            let next = node.plus(Double(-center.0, -center.1)).times(*value).plus(Double(-above.0, -above.1));
            (*before, *value) = (*value, next);
        }
    }
    (centers, squares)
}

#[test]
fn coefficients_are_those_of_all_atoms_at_once() {
    let mut worst = [0.0f64; LEVELS];
    let betas = BETAS.into_iter().filter(|betas| betas.0 > 0.0);
    for form in betas.flat_map(Form::all).filter(|form| form.pytorch || !form.amsgrad) {
        for start in [5, 60, 700] {
            let horizon = form.horizon();
            for count in [7, 20, horizon].into_iter().filter(|&count| count <= horizon.min(400)) {
                let mut atoms = form.atoms(start, count);
                atoms.retain(|&(_, mass)| mass > 0.0);
                let measure = measure_of(&atoms);
                let (centers, squares) = stieltjes(&atoms);
                // Amsgrad late: nodes that differ by rounding alone.
                let width = measure.last - measure.first;
                for level in 0..LEVELS.min(if width > 1e-12 { atoms.len() } else { 1 }) {
                    let error = (measure.squares[level] / squares[level] - 1.0).abs();
                    let off = (measure.centers[level] - centers[level]).abs() / (width + measure.first * 1e-12);
                    worst[level] = worst[level].max(error).max(off);
                    assert!(
                        error <= 1e-10 && off <= 1e-10,
                        "{form:?}, {start}, {count}, {level}: {error:e}, {off:e}"
                    );
                }
            }
        }
    }
    println!("worst, by level: {:?}", worst.map(|worst| format!("{worst:.0e}")));
}

#[test]
fn degenerate_measures_have_their_rules() {
    // No atoms, and none that weigh anything.
    for atoms in [vec![], vec![(1.0, 0.0)], vec![(1.0, 0.0), (2.0, 0.0)]] {
        let measure = measure_of(&atoms);
        assert_eq!(measure.quotients(), Quotients::NONE);
        assert_eq!((measure.nodes_needed(), measure.least(6)), (Some(2), 0.0));
    }
    // One node, also if rounding moves it, and after atoms of no weight.
    let nudged: Vec<_> = (0..200).map(|i| (1.0 - f64::from(i % 3) * f64::EPSILON, 0.9f64.powi(i))).collect();
    for atoms in [vec![(1.0, 2.0); 300], nudged, vec![(0.5, 0.0), (0.7, 1.0)]] {
        let measure = measure_of(&atoms);
        let mass: f64 = atoms.iter().map(|atom| atom.1).sum();
        for rule in NODE_COUNTS.map(|count| measure.quotients_of(count)) {
            assert_eq!((rule.count, rule.least), (1, 0.0));
            assert!((rule.weights[MOST_NODES - 1] / mass - 1.0).abs() < 1e-14);
            assert_eq!(rule.weights[..MOST_NODES - 1], [0.0; MOST_NODES - 1]);
            assert!((rule.nodes[MOST_NODES - 1] - atoms.last().unwrap().0).abs() < 1e-15);
        }
    }
    // Few nodes, some of them met again: the rule is they.
    for nodes in
        [vec![1.0, 3.0], vec![1.0, 1.5, 4.0], vec![0.1, 0.2, 0.4, 0.8, 1.6], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]
    {
        let atoms: Vec<_> = nodes.iter().flat_map(|&node| [(node, 1.0 / node), (node, 1e-3)]).collect();
        let mut again = atoms.clone();
        again.extend(&atoms);
        let rule = measure_of(&again).quotients();
        assert_eq!((rule.count, rule.least), (nodes.len(), 0.0));
        for (i, node) in nodes.iter().rev().enumerate() {
            let place = MOST_NODES - nodes.len() + i;
            assert!((rule.nodes[place] / node - 1.0).abs() < 1e-13);
            assert!((rule.weights[place] / (2.0 / node + 2e-3) - 1.0).abs() < 1e-12);
        }
    }
    // Masses from the smallest to the largest, in both orders, and nodes as far apart.
    for (node, mass) in [(1.0005, 1e-290), (1.0005, 1e290), (1.5, 1e-300), (1.0001, 5e-324), (3.0, 1e200)] {
        let atoms: Vec<_> = (0..40i32).map(|i| (f64::powi(node, i), if i % 2 == 0 { mass } else { 1.0 })).collect();
        check(&atoms, &[0.0, 1e-6, 1.0, 1e6, 1e12, 1e30], &|| format!("{node}, {mass:e}"));
    }
    // Beyond f64, and NaN, there is no rule.
    for atom in [(f64::INFINITY, 1.0), (1e200, 1.0), (2.0, f64::INFINITY), (f64::NAN, 1.0), (2.0, f64::NAN)] {
        let measure = measure_of(&[(1.0, 1.0), atom, (3.0f64.max(atom.0), 1.0), (f64::max(4.0, atom.0), 1.0)]);
        assert_eq!((measure.nodes_needed(), measure.quotients()), (None, Quotients::UNKNOWN), "{atom:?}");
    }
}

/// As a kernel does it: every operation rounded to f32, the surplus first.
fn sum_in_f32(rule: &Quotients, epsilon: f64, s: f32) -> f32 {
    let quotient = |i: usize| rule.weights[i] as f32 / (s + (epsilon * rule.nodes[i]) as f32);
    (MOST_NODES - rule.count..MOST_NODES).map(quotient).fold(0.0, |sum, quotient| sum + quotient)
}

#[test]
fn f32_adds_little() {
    // By the number of nodes: the mean and the largest error beyond the rule's, in units of 2^-24 of the sum, which is
    // half an ulp to one, and how many.
    let mut errors = [(0.0f64, 0.0f64, 0.0f64); MOST_NODES + 1];
    for form in BETAS.into_iter().flat_map(Form::all) {
        for (start, epsilon) in [(0, 1e-8), (25, 1e-8), (80, 1e-7), (300, 1e-36), (2_000, 1e-3)] {
            let atoms = form.atoms(start, form.horizon());
            let rule = measure_of(&atoms).quotients();
            for x in grid(3) {
                let s = (epsilon * x) as f32;
                let sum = sum_in_f32(&rule, epsilon, s);
                let exact = rule.sum(f64::from(s) / epsilon) / epsilon;
                if exact == 0.0 || s > 1.8e19 || s != 0.0 && s < f32::MIN_POSITIVE || exact > 1e38 {
                    continue;
                }
                let error = (f64::from(sum) / exact - 1.0).abs() * f64::from(1 << 24);
                assert!(error < 5.0, "{form:?}, {start}, {x:e}: {error}");
                let (mean, most, count) = &mut errors[rule.count];
                (*mean, *most, *count) = (*mean + error, most.max(error), *count + 1.0);
            }
        }
    }
    for (nodes, (sum, most, count)) in errors.into_iter().enumerate().filter(|(_, found)| found.2 > 0.0) {
        println!("{nodes} nodes: mean {:.2}, largest {most:.2} of {count}", sum / count);
    }
    // The ends of f32.
    let rule = measure_of(&[(1.0, 1e-3), (1.1, 1e-4), (1.2, 1e-5)]).quotients();
    for (epsilon, s) in [(1.2e-38, 1.8e19f32), (1.2e-38, 1e-19), (1e-8, 1.8e19), (1e-3, 1e18)] {
        let exact = rule.sum(f64::from(s) / epsilon) / epsilon;
        assert!((f64::from(sum_in_f32(&rule, epsilon, s)) / exact - 1.0).abs() < 3e-7);
    }
}

#[test]
#[ignore = "prints a table"]
fn first_steps_that_need_no_more() {
    for form in BETAS.into_iter().flat_map(Form::all).filter(|form| form.rate < 2 && form.decay == 0.0) {
        let needed = |start| measure_of(&form.atoms(start, form.horizon())).nodes_needed().unwrap_or(usize::MAX);
        let firsts = [6, 4, 3, 2].map(|count| (0..2_001).find(|&start| needed(start) <= count));
        let late = measure_of(&form.atoms(1_000_000, form.horizon()));
        println!("{form:?}: 6, 4, 3, 2 from {firsts:?}; late least of 6: {:.2}", late.least(6));
    }
}
