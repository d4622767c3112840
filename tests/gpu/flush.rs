//! Whatever reads or changes a deferred table sees what a dense one holds.

use wgpu_embedding::{Adam, EmbeddingConfig, EpsilonForm, Error, GpuEmbedding, IndexBatch, Update, wgpu};

use crate::exact::*;
use crate::support::*;

const ROWS: u32 = 40;
const WIDTH: usize = 6;
const RATE: f64 = 1.0 / 1_024.0;

/// A deferred and a dense table that are driven alike.
struct Twins {
    deferred: GpuEmbedding,
    dense: GpuEmbedding,
    nothing: IndexBatch,
    /// The weights and moments in f64, after the steps of [`update`](Self::update) and [`miss`](Self::miss).
    exact: Vec<Exact>,
}

/// The learning rate and the decay are such that nothing is lost where they are rounded to f32.
fn adam() -> Adam {
    Adam::default().with_learning_rate(RATE).with_weight_decay(0.125)
}

fn config() -> EmbeddingConfig {
    EmbeddingConfig::new(ROWS, WIDTH as u32).with_seed(4)
}

impl Twins {
    fn new(config: &EmbeddingConfig, adam: Adam) -> Self {
        let [deferred, dense] = [Update::Deferred, Update::Dense]
            .map(|update| GpuEmbedding::new(&context(), config.clone(), adam.with_update(update)).unwrap());
        let nothing = deferred.batch::<[u32]>(&[]).unwrap();
        let exact = dense.weights().unwrap().into_iter().map(Exact::at).collect();
        Self { deferred, dense, nothing, exact }
    }

    fn both(&mut self) -> [&mut GpuEmbedding; 2] {
        [&mut self.deferred, &mut self.dense]
    }

    /// An update of 20 lookups.
    fn update(&mut self, seed: u64) {
        let batch = self.batch(seed);
        let gradient = fractions(20 * WIDTH, seed + 100);
        for table in self.both() {
            table.update(&batch, &gradient).unwrap();
        }
        let mut sums = vec![0.0; self.exact.len()];
        for (&row, gradient) in batch.indices().unwrap().iter().zip(gradient.chunks_exact(WIDTH)) {
            for (sum, &g) in sums[row as usize * WIDTH..].iter_mut().zip(gradient) {
                *sum += f64::from(g);
            }
        }
        self.step_exactly(&sums);
    }

    /// The step that both tables have just made, in f64.
    fn step_exactly(&mut self, sums: &[f64]) {
        let step = ExactStep::new(&adam_of(&self.dense), self.dense.step_count());
        self.exact.iter_mut().zip(sums).for_each(|(element, &g)| element.update(&step, g));
    }

    /// One that serves both.
    fn batch(&self, seed: u64) -> IndexBatch {
        self.deferred.batch(&indices(20, ROWS, Skew::Uniform, seed)).unwrap()
    }

    /// So many steps without a gradient.
    fn miss(&mut self, steps: u32) {
        let empty = buffer(&[0.0f32; 4]);
        let mut encoder = encoder();
        let zeros = vec![0.0; self.exact.len()];
        for _ in 0..steps {
            for table in [&mut self.deferred, &mut self.dense] {
                table.record_update(&mut encoder, &self.nothing, &empty).unwrap();
            }
            self.step_exactly(&zeros);
        }
        context().submit(encoder).unwrap();
    }

    /// Trained a little, with rows that have missed 1 to 30 steps, and more of those that were never touched.
    fn trained() -> Self {
        Self::trained_with(adam())
    }

    fn trained_with(adam: Adam) -> Self {
        let mut twins = Self::new(&config(), adam);
        for seed in 0..4 {
            twins.update(seed);
            twins.miss(7);
        }
        twins.update(5);
        twins.miss(3);
        twins
    }

    /// Within a few ulp of the largest weight: dense Adam rounds a weight twice at each step, and the errors go now up,
    /// now down.
    #[track_caller]
    fn near(&self, what: &str, got: &[f32], expected: &[f32]) {
        let largest = expected.iter().map(|w| f64::from(w.abs())).fold(0.0, f64::max);
        let ulp = 2f64.powi(largest.log2().floor() as i32 - 23);
        let bound = 4.0 + (self.dense.step_count() as f64).sqrt();
        assert_close(what, got, expected, |_| bound * ulp);
    }

    /// All that the public interface shows.
    #[track_caller]
    fn check(&self, what: &str) {
        self.check_lookup(what);
        self.near(what, &self.deferred.weights().unwrap(), &self.dense.weights().unwrap());
        self.check_moments(what);
    }

    #[track_caller]
    fn check_lookup(&self, what: &str) {
        let rows: Vec<u32> = (0..ROWS).rev().collect();
        let [deferred, dense] = [&self.deferred, &self.dense].map(|table| table.rows(&rows).unwrap());
        self.near(&format!("{what}: lookup"), &deferred, &dense);
    }

    /// Against f64, where all steps were [`update`](Self::update)s and [`miss`](Self::miss)ed: what a lookup of every row sees.
    ///
    /// Some ten roundings of a weight in catch-ups and updates are 3.5 ulp at most. Dense Adam, which rounds it twice at each
    /// step, is up to 10 away after these steps: no measure for so many elements and settings.
    #[track_caller]
    fn check_exactly(&self, what: &str) {
        let rows: Vec<u32> = (0..ROWS).collect();
        let mut errors = Errors::default();
        errors.raise(&self.deferred.rows(&rows).unwrap(), &self.dense.rows(&rows).unwrap(), &weights(&self.exact));
        report(&format!("{what}: {errors:.2?}"));
        // Not the opposite, which a NaN would pass.
        let held = errors.deferred <= 5.0 && errors.deferred <= errors.dense + 1.0;
        assert!(held, "{what}: {errors:.2?}");
    }

    #[track_caller]
    fn check_moments(&self, what: &str) {
        let [deferred, dense] = [&self.deferred, &self.dense].map(|table| moments(table).unwrap());
        // A moment is the product of many factors there, and of one here. Gradients may cancel in m; v tells how large
        // they were.
        let close = |what: String, got: &[f32], expected: &[f32]| {
            let root =
                |element: usize| if what.ends_with('m') { f64::from(dense.second[element]).sqrt() } else { 0.0 };
            assert_close(&what, got, expected, |element| {
                2e-5 * f64::from(expected[element]).abs() + 1e-6 * root(element) + 1e-30
            });
        };
        close(format!("{what}: m"), &deferred.first, &dense.first);
        close(format!("{what}: v"), &deferred.second, &dense.second);
        assert_eq!(deferred.largest.is_some(), dense.largest.is_some());
        if let (Some(deferred), Some(dense)) = (&deferred.largest, &dense.largest) {
            close(format!("{what}: v_hat"), deferred, dense);
        }
    }
}

pub fn weights_rows_and_moments_are_dense_ones() {
    for amsgrad in [false, true] {
        for form in [EpsilonForm::Keras, EpsilonForm::PyTorch] {
            let adam = adam().with_amsgrad(amsgrad).with_epsilon_form(form);
            let what = format!("{adam:?}");
            // Each of them first, on a table that nothing has flushed yet.
            Twins::trained_with(adam).check_lookup(&what);
            Twins::trained_with(adam).check_moments(&what);
            let twins = Twins::trained_with(adam);
            twins.near(&what, &twins.deferred.weights().unwrap(), &twins.dense.weights().unwrap());
            // And on.
            let mut twins = twins;
            twins.update(9);
            twins.check(&what);
            twins.miss(20);
            twins.check(&what);
        }
    }
}

pub fn a_flush_changes_what_nobody_sees() {
    let mut twins = Twins::trained();
    twins.deferred.flush().unwrap();
    let once = bits(&twins.deferred.weights().unwrap());
    twins.deferred.flush().unwrap();
    twins.deferred.flush().unwrap();
    assert!(bits(&twins.deferred.weights().unwrap()) == once, "a second flush changed something");
    twins.check("flushed twice");
    twins.update(7);
    twins.deferred.flush().unwrap();
    twins.miss(5);
    twins.check("flushed right after an update");
}

pub fn set_weights_starts_from_them_and_keeps_the_moments() {
    let mut twins = Twins::trained();
    let weights: Vec<f32> = fractions(ROWS as usize * WIDTH, 3).iter().map(|w| w * 0.05).collect();
    for table in twins.both() {
        table.set_weights(&weights).unwrap();
    }
    // Exactly these: what was missed before was of the old ones.
    assert_same_bits("weights that were set", &twins.deferred.weights().unwrap(), &weights);
    assert_same_bits("the lookup of them", &twins.deferred.rows(&(0..ROWS).collect::<Vec<_>>()).unwrap(), &weights);
    twins.check_moments("weights that were set");
    twins.miss(6);
    twins.check("steps after set_weights");
    twins.update(8);
    twins.miss(2);
    twins.check("an update after set_weights");

    let mut twins = Twins::trained();
    assert!(matches!(twins.deferred.set_weights(&weights[1..]), Err(Error::Shape { .. })));
    twins.check("refused weights");
}

pub fn set_optimizer_ends_what_was_missed_by_the_old_settings() {
    let changes = [
        adam().with_betas(0.8, 0.95),
        adam().with_betas(0.95, 0.9999),
        adam().with_epsilon(1e-2),
        adam().with_epsilon_form(EpsilonForm::PyTorch),
        adam().with_weight_decay(0.0),
        adam().with_weight_decay(16.0),
        adam().with_learning_rate(RATE / 8.0),
        adam().with_betas(0.99, 0.999).with_epsilon(1e-5).with_weight_decay(1.0),
    ];
    for change in changes {
        let mut twins = Twins::trained();
        for table in twins.both() {
            let update = table.optimizer().update();
            table.set_optimizer(change.with_update(update)).unwrap();
        }
        let what = format!("{change:?}");
        twins.check_exactly(&what);
        twins.miss(12);
        twins.check_exactly(&what);
        twins.update(11);
        twins.miss(4);
        twins.update(12);
        twins.check_exactly(&what);
        twins.check_moments(&what);
        // And back.
        for table in twins.both() {
            let update = table.optimizer().update();
            table.set_optimizer(adam().with_update(update)).unwrap();
        }
        twins.miss(9);
        twins.check_exactly(&what);
        twins.check_moments(&what);
    }
    // From no weight decay to some: the kernels are others.
    let mut twins = Twins::trained_with(Adam::default());
    for table in twins.both() {
        let update = table.optimizer().update();
        table.set_optimizer(adam().with_weight_decay(8.0).with_update(update)).unwrap();
    }
    twins.miss(10);
    twins.check_exactly("weight decay from the middle on");
    twins.check_moments("weight decay from the middle on");
}

pub fn refused_optimizers_change_nothing() {
    let mut twins = Twins::trained();
    let before = *twins.deferred.optimizer();
    let refused = [
        adam().with_update(Update::Dense),
        adam().with_update(Update::Lazy),
        adam().with_amsgrad(true),
        adam().with_betas(0.9999, 0.999),
        adam().with_learning_rate(f64::NAN),
        adam().with_learning_rate(10.0),
    ];
    for adam in refused {
        let result = twins.deferred.set_optimizer(adam);
        assert!(matches!(result, Err(Error::InvalidConfig(_))), "{adam:?}: {result:?}");
        assert_eq!(*twins.deferred.optimizer(), before);
    }
    // A learning rate that leaves nothing of the weights, too.
    assert!(matches!(twins.deferred.set_learning_rate(10.0), Err(Error::InvalidConfig(_))));
    assert_eq!(*twins.deferred.optimizer(), before);
    twins.check("refused optimizers");
    twins.update(6);
    twins.miss(3);
    twins.check("after refused optimizers");
}

/// The rows of the shards' buffers.
fn read_shards(table: &GpuEmbedding) -> Vec<f32> {
    // Handed out first, for that alone brings rows up to date.
    let shards = table.weight_shards().unwrap();
    read_buffers(&shards.iter().map(|shard| (shard.buffer.clone(), shard.row_floats)).collect::<Vec<_>>())
}

fn read_buffers(shards: &[(wgpu::Buffer, u32)]) -> Vec<f32> {
    let rows = shards.iter().flat_map(|(buffer, row_floats)| {
        read(buffer).chunks_exact(*row_floats as usize).map(|row| row[..WIDTH].to_vec()).collect::<Vec<_>>()
    });
    rows.flatten().collect()
}

pub fn shards_are_handed_out_up_to_date() {
    for split in [false, true] {
        let config = if split { config().with_max_shard_bytes(32 * 32) } else { config() };
        let mut twins = Twins::new(&config, adam());
        assert_eq!(twins.deferred.shard_count() > 1, split);
        twins.update(1);
        twins.miss(9);
        let expected = twins.dense.weights().unwrap();
        twins.near("weight_shards", &read_shards(&twins.deferred), &expected);

        // The buffers go stale with the next steps, until a flush is recorded.
        let buffers: Vec<_> = {
            let shards = twins.deferred.weight_shards().unwrap();
            shards.iter().map(|shard| (shard.buffer.clone(), shard.row_floats)).collect()
        };
        twins.update(2);
        twins.miss(11);
        let expected = twins.dense.weights().unwrap();
        let mut encoder = encoder();
        twins.deferred.record_flush(&mut encoder).unwrap();
        queue().submit([encoder.finish()]);
        twins.near("record_flush", &read_buffers(&buffers), &expected);

        // Recorded behind an update, on one encoder.
        let mut encoder = self::encoder();
        let batch = twins.batch(3);
        let gradient = buffer(&fractions(20 * WIDTH, 103));
        for table in [&mut twins.deferred, &mut twins.dense] {
            table.record_update(&mut encoder, &batch, &gradient).unwrap();
            table.record_update(&mut encoder, &twins.nothing, &gradient).unwrap();
            table.record_flush(&mut encoder).unwrap();
        }
        queue().submit([encoder.finish()]);
        twins.near("record_flush behind updates", &read_buffers(&buffers), &twins.dense.weights().unwrap());
        twins.check("after record_flush");
    }
}

pub fn lookups_after_any_number_of_missed_steps() {
    let mut twins = Twins::new(&config(), adam());
    // Another table's steps in between are its own.
    let mut other =
        Twins::new(&EmbeddingConfig::new(ROWS, WIDTH as u32).with_seed(8), adam().with_learning_rate(8.0 * RATE));
    twins.update(1);
    for missed in [0, 1, 1, 2, 5, 9] {
        twins.miss(missed);
        other.update(u64::from(missed));
        other.miss(2);
        twins.check_lookup(&format!("{missed} more steps"));
        other.check_lookup("another table");
    }
    twins.check("in the end");
    other.check("another table, in the end");
}

pub fn lookups_and_updates_on_one_encoder() {
    let mut twins = Twins::trained();
    let empty = buffer(&[0.0f32; 4]);
    let mut encoder = encoder();
    let mut outputs = Vec::new();
    for step in 0..6 {
        // Two updates in a row at every other step.
        let batch = twins.batch(20 + step);
        let gradient = buffer(&fractions(20 * WIDTH, 200 + step));
        for table in twins.both() {
            table.set_learning_rate(RATE / f64::from(1 << step)).unwrap();
            let output = buffer(&vec![POISON; 20 * WIDTH]);
            table.record_lookup(&mut encoder, &batch, &output).unwrap();
            table.record_update(&mut encoder, &batch, &gradient).unwrap();
            outputs.push(output);
        }
        if step % 2 == 0 {
            let nothing = twins.deferred.batch::<[u32]>(&[]).unwrap();
            for table in twins.both() {
                table.record_update(&mut encoder, &nothing, &empty).unwrap();
            }
        }
    }
    queue().submit([encoder.finish()]);
    for outputs in outputs.chunks_exact(2) {
        twins.near("a recorded lookup", &read(&outputs[0]), &read(&outputs[1]));
    }
    twins.check("lookups and updates on one encoder");
}

/// Drops so many recorded updates; the dense twin makes steps without a gradient in their place.
fn drop_updates(twins: &mut Twins, count: u32, one_encoder: bool) {
    let (batch, nothing) = (twins.batch(31), twins.deferred.batch::<[u32]>(&[]).unwrap());
    let gradient = buffer(&fractions(20 * WIDTH, 131));
    let (mut dropped, mut submitted) = (encoder(), encoder());
    for _ in 0..count {
        twins.deferred.record_update(&mut dropped, &batch, &gradient).unwrap();
        if !one_encoder {
            dropped = encoder();
        }
        twins.dense.record_update(&mut submitted, &nothing, &gradient).unwrap();
    }
    drop(dropped);
    queue().submit([submitted.finish()]);
    assert_eq!(twins.deferred.step_count(), twins.dense.step_count());
}

pub fn a_dropped_encoder_is_a_step_without_a_gradient() {
    for one_encoder in [true, false] {
        for count in [1, 3, 60] {
            let mut twins = Twins::trained();
            drop_updates(&mut twins, count, one_encoder);
            twins.check_lookup(&format!("{count} dropped"));
            twins.update(32);
            twins.check(&format!("{count} dropped, and an update"));
            twins.miss(5);
            twins.update(33);
            twins.check(&format!("{count} dropped, and on"));
        }
    }
}

/// The rows of the next update have missed the steps that were dropped.
pub fn an_update_right_after_a_dropped_encoder() {
    let mut twins = Twins::trained();
    drop_updates(&mut twins, 1, true);
    twins.update(32);
    twins.check("1 dropped, and an update");
}

/// Every 4,096 steps each row is swept to the last cut, and the step that does so is lost with its encoder. A row left alone
/// since the time before must not fall out of the 16,384 steps that are remembered.
pub fn a_dropped_encoder_with_rows_that_were_due() {
    let mut twins = Twins::new(&config(), adam());
    twins.update(1);
    // Rows are due in the steps 4,096, 8,192 and so on; the first time there is no cut to sweep to.
    twins.miss(8_190);
    drop_updates(&mut twins, 1, true);
    assert_eq!(twins.deferred.step_count(), 8_192);
    twins.miss(500);
    twins.check_lookup("before the next turn");
    twins.miss(9_000);
    twins.check_lookup("when the ring has wrapped");
}

/// As many as may be, from a turn on, so that rows are as far behind as they can be.
pub fn as_many_dropped_encoders_as_may_be() {
    for first in [4_095, 4_096] {
        let mut twins = Twins::new(&config(), adam());
        twins.miss(first - 1);
        twins.update(1);
        twins.miss(8_191 - first);
        drop_updates(&mut twins, 4_096, true);
        twins.check_lookup("4,096 dropped");
        twins.miss(5_000);
        twins.check("4,096 dropped, and on");
    }
}

/// One encoder that is kept while many others are submitted is one step when it is dropped.
pub fn an_encoder_dropped_late() {
    let mut twins = Twins::trained();
    let (mut kept, mut submitted) = (encoder(), encoder());
    let batch = twins.batch(31);
    let gradient = buffer(&fractions(20 * WIDTH, 131));
    twins.deferred.record_update(&mut kept, &batch, &gradient).unwrap();
    let nothing = twins.dense.batch::<[u32]>(&[]).unwrap();
    twins.dense.record_update(&mut submitted, &nothing, &gradient).unwrap();
    queue().submit([submitted.finish()]);
    twins.miss(600);
    drop(kept);
    twins.update(32);
    twins.check("one dropped late");
}

/// What reads the table in its own buffers makes up for dropped steps too.
pub fn a_recorded_flush_after_a_dropped_encoder() {
    let mut twins = Twins::trained();
    let shards = twins.deferred.weight_shards().unwrap();
    let buffers: Vec<_> = shards.iter().map(|shard| (shard.buffer.clone(), shard.row_floats)).collect();
    drop_updates(&mut twins, 3, true);
    let mut encoder = encoder();
    twins.deferred.record_flush(&mut encoder).unwrap();
    queue().submit([encoder.finish()]);
    let dense = twins.dense.weights().unwrap();
    twins.near("3 dropped", &read_buffers(&buffers), &dense);
}

/// A rule changes over `horizon` steps (src/optimizer/history.rs), 186 here, and each step brings only what changed in the
/// last of them.
pub fn more_dropped_encoders_than_a_horizon() {
    let mut twins = Twins::trained();
    drop_updates(&mut twins, 250, true);
    twins.check("250 dropped");
    // What reads all weights makes up for them too.
    drop_updates(&mut twins, 250, false);
    twins.check("250 more");
}

pub fn too_many_dropped_encoders() {
    let mut twins = Twins::trained();
    let submitted = twins.dense.weights().unwrap();
    drop_updates(&mut twins, 4_097, true);
    let steps = twins.deferred.step_count();
    let (batch, mut encoder) = (twins.batch(50), encoder());
    let refused = Error::DroppedSteps { count: 4_097, most: 4_096 };
    let gradient = buffer(&fractions(20 * WIDTH, 51));
    for _ in 0..2 {
        assert_eq!(twins.deferred.record_update(&mut encoder, &batch, &gradient), Err(refused.clone()));
        assert_eq!(twins.deferred.weights(), Err(refused.clone()));
    }
    assert_eq!(twins.deferred.step_count(), steps);
    assert!(twins.deferred.lookup(&batch).is_err());
    // As if these steps had not been, but for their count: the weights are those of dense Adam before.
    twins.deferred.set_optimizer(*twins.deferred.optimizer()).unwrap();
    twins.near("as submitted", &twins.deferred.weights().unwrap(), &submitted);
    twins.deferred.update(&batch, &gradient).unwrap();
    assert_eq!(twins.deferred.step_count(), steps + 1);
}

pub fn a_read_between_record_and_submit() {
    let mut twins = Twins::trained();
    for seed in 40..43 {
        let batch = twins.batch(seed);
        let gradient = buffer(&fractions(20 * WIDTH, seed + 100));
        let mut encoder = encoder();
        let before = twins.dense.weights().unwrap();
        for table in twins.both() {
            table.record_update(&mut encoder, &batch, &gradient).unwrap();
        }
        // The step is recorded, not made.
        twins.near("before the submit", &twins.deferred.weights().unwrap(), &before);
        twins.check_lookup("before the submit");
        queue().submit([encoder.finish()]);
        twins.check("after the submit");
        twins.miss(4);
        twins.check("later");
    }
}

pub fn flush_has_nothing_to_do_for_other_updates() {
    for update in [Update::Dense, Update::Lazy] {
        let mut table = GpuEmbedding::new(&context(), config(), adam().with_update(update)).unwrap();
        let batch = table.batch(&[1, 2]).unwrap();
        table.update(&batch, &[1.0; 2 * WIDTH]).unwrap();
        let before = bits(&table.weights().unwrap());
        table.flush().unwrap();
        let mut encoder = encoder();
        table.record_flush(&mut encoder).unwrap();
        queue().submit([encoder.finish()]);
        assert!(bits(&read_shards(&table)) == before);
    }
}

/// Which elements are NaN, and which infinite.
fn kinds(values: &[f32]) -> Vec<(bool, bool)> {
    values.iter().map(|value| (value.is_nan(), value.is_infinite())).collect()
}

pub fn a_gradient_that_is_no_number_reaches_its_own_elements() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for bits in 0..8 {
            let adam = Adam::default()
                .with_weight_decay(if bits & 1 == 0 { 0.0 } else { 0.1 })
                .with_amsgrad(bits & 2 != 0)
                .with_epsilon_form(if bits & 4 == 0 { EpsilonForm::Keras } else { EpsilonForm::PyTorch });
            let what = format!("{bad} in {adam:?}");
            let mut twins = Twins::new(&config(), adam);
            twins.update(1);
            let batch = twins.deferred.batch(&[7, 8, 9, 8]).unwrap();
            let mut gradient = [0.5; 4 * WIDTH];
            gradient[WIDTH + 3] = bad;
            for table in twins.both() {
                table.update(&batch, &gradient).unwrap();
            }
            for missed in [0, 1, 20, 300] {
                twins.miss(missed);
                let [deferred, dense] = twins.both().map(|table| table.rows(&(0..ROWS).collect::<Vec<_>>()).unwrap());
                assert_eq!(kinds(&deferred), kinds(&dense), "{what}, {missed} more steps: lookup");
                let other = |(element, value): (usize, &f32)| value.is_nan() != (element == 8 * WIDTH + 3);
                assert!(!deferred.iter().enumerate().any(other), "{what}");
            }
            let [deferred, dense] = twins.both().map(|table| table.weights().unwrap());
            assert_eq!(kinds(&deferred), kinds(&dense), "{what}: weights");
            twins.update(2);
            for table in twins.both() {
                table.update(&batch, &[0.25; 4 * WIDTH]).unwrap();
            }
            let [deferred, dense] = twins.both().map(|table| table.weights().unwrap());
            assert_eq!(kinds(&deferred), kinds(&dense), "{what}: after another update");
            // A moment that is no number is where dense has one, and nowhere else. Dense makes a NaN of an infinite
            // moment, and so does the next update here.
            let [deferred, dense] = twins.both().map(|table| moments(table).unwrap());
            let moments = |moments: Moments| [Some(moments.first), Some(moments.second), moments.largest];
            for (deferred, dense) in moments(deferred).into_iter().flatten().zip(moments(dense).into_iter().flatten())
            {
                let pairs = deferred.iter().zip(&dense);
                assert!(pairs.into_iter().all(|(a, b)| a.is_finite() == b.is_finite()), "{what}: moments");
                assert!(!deferred[8 * WIDTH + 3].is_finite(), "{what}: moments");
            }
            // New weights do not mend the moments: the next step without a gradient makes a NaN again, and so does what
            // was missed.
            let weights = vec![0.5; ROWS as usize * WIDTH];
            for table in twins.both() {
                table.set_weights(&weights).unwrap();
            }
            assert_same_bits(&what, &twins.deferred.weights().unwrap(), &weights);
            twins.miss(3);
            let [deferred, dense] = twins.both().map(|table| table.rows(&(0..ROWS).collect::<Vec<_>>()).unwrap());
            assert_eq!(kinds(&deferred), kinds(&dense), "{what}: new weights");
            assert!(deferred[8 * WIDTH + 3].is_nan(), "{what}: new weights");
        }
    }
}

pub fn a_second_moment_that_overflows_spoils_no_more_than_in_dense() {
    // Its square is infinite, itself it is not.
    for large in [1e25f32, -3e30] {
        for amsgrad in [false, true] {
            let mut twins = Twins::new(&config(), adam().with_amsgrad(amsgrad));
            twins.update(1);
            let batch = twins.deferred.batch(&[7, 8]).unwrap();
            let mut gradient = [0.5; 2 * WIDTH];
            gradient[WIDTH + 3] = large;
            for table in twins.both() {
                table.update(&batch, &gradient).unwrap();
            }
            for missed in [0, 1, 30, 400] {
                twins.miss(missed);
                let [deferred, dense] = twins.both().map(|table| table.rows(&(0..ROWS).collect::<Vec<_>>()).unwrap());
                for (element, (deferred, dense)) in deferred.iter().zip(&dense).enumerate() {
                    let what = format!("{large} amsgrad {amsgrad}: element {element}, {deferred} for {dense}");
                    // Dense makes a NaN of an infinite v at the next step; here it is caught up and divides to nothing,
                    // which is as good: only a gradient that is no number may make weights such.
                    assert!(deferred.is_finite(), "{what}");
                    assert!(dense.is_finite() || element == 8 * WIDTH + 3, "{what}");
                }
            }
            let weights = twins.deferred.weights().unwrap();
            assert!(weights.iter().all(|w| w.is_finite()));
        }
    }
}
