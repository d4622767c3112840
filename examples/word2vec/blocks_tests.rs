use std::collections::HashMap;

use super::*;

/// Sentences of these many words, each of them different, so that a word tells where it stood.
fn corpus(lengths: &[usize]) -> Arc<Corpus> {
    let sentence = |(number, &length): (usize, &usize)| -> String {
        (0..length).map(|position| format!("{number}.{position} ")).chain(["\n".to_owned()]).collect()
    };
    let text: String = lengths.iter().enumerate().map(sentence).collect();
    Arc::new(Corpus::from_lines("test", text.as_bytes(), false, 1).unwrap())
}

fn batches(corpus: &Arc<Corpus>, sample: f64, window: usize, blocks: usize, epoch: u32) -> Vec<Batch> {
    let sampling = Arc::new(Sampling::new(&corpus.counts, sample));
    Batches::new(corpus.clone(), sampling, Settings { window, blocks, seed: 5 }, epoch).collect()
}

/// Where a word of `corpus()` stood: sentence and position.
fn place(corpus: &Corpus, word: u32) -> (usize, usize) {
    let (sentence, position) = corpus.words[word as usize].split_once('.').unwrap();
    (sentence.parse().unwrap(), position.parse().unwrap())
}

#[test]
fn each_word_is_predicted_once_by_those_of_its_window() {
    // Sentences without neighbours, below, at and above a block's size, and ones that lie across several.
    let lengths = [1, 2, 31, 32, 33, 1, 1, 3, 100, 250, 2, 5];
    let corpus = corpus(&lengths);
    for (window, blocks) in [(1, 1), (5, 1), (5, 3), (16, 2), (16, 100)] {
        let mut targets = Vec::new();
        let mut reaches = HashMap::new();
        for batch in batches(&corpus, 0.0, window, blocks, 0) {
            let layout = &batch.layout;
            assert!(layout.blocks.len() <= blocks);
            assert_eq!((layout.windows.len(), layout.targets.len()), (batch.inputs.len(), batch.outputs.len()));
            let (mut next_input, mut next_output, mut pairs) = (0, 0, 0);
            for block in &layout.blocks {
                assert_eq!((block.first_input, block.first_output), (next_input, next_output));
                next_input += block.input_count;
                next_output += block.target_count + NEGATIVES as u32;
                assert!((1..=TARGETS).contains(&(block.target_count as usize)) && block.left as usize <= window);
                for target in 0..block.target_count {
                    let word = batch.outputs[(block.first_output + target) as usize];
                    assert_eq!(layout.targets[(block.first_output + target) as usize], 1 << target);
                    let own = (block.first_input + block.left + target) as usize;
                    assert_eq!(batch.inputs[own], word);
                    let of_window = (block.first_input..block.first_input + block.input_count)
                        .filter(|&input| layout.windows[input as usize] >> target & 1 == 1)
                        .map(|input| place(&corpus, batch.inputs[input as usize]));
                    let of_window: Vec<_> = of_window.collect();
                    pairs += of_window.len();
                    // The window reaches as far to either side, but for the sentence's ends.
                    let (sentence, position) = place(&corpus, word);
                    let distances = of_window.iter().map(|&(_, other)| other.abs_diff(position));
                    let reach = distances.max().unwrap_or_else(|| panic!("{word} has a neighbour"));
                    let expected = (position.saturating_sub(reach)..lengths[sentence].min(position + reach + 1))
                        .filter(|&other| other != position)
                        .map(|other| (sentence, other));
                    assert_eq!(of_window, expected.collect::<Vec<_>>());
                    assert!(reach <= window);
                    *reaches.entry(reach).or_insert(0) += 1;
                    targets.push((sentence, position));
                }
            }
            assert_eq!((next_input as usize, next_output as usize), (batch.inputs.len(), batch.outputs.len()));
            assert_eq!(layout.pairs as usize, pairs);
        }
        let all = lengths.iter().enumerate().filter(|&(_, &length)| length > 1);
        let all: Vec<_> = all.flat_map(|(sentence, &length)| (0..length).map(move |word| (sentence, word))).collect();
        assert_eq!(targets, all);
        // Each reach is drawn.
        assert_eq!(reaches.len(), window);
    }
}

#[test]
fn blocks_are_full_and_the_words_read_are_counted() {
    let corpus = corpus(&[1, 2, 31, 32, 33, 100, 250]);
    let batches = batches(&corpus, 0.0, 5, 3, 0);
    // 448 words have a neighbour: 4 batches of 96, and 64.
    let sizes: Vec<_> = batches.iter().map(|batch| (batch.layout.blocks.len(), batch.layout.words)).collect();
    assert_eq!(sizes, [(3, 96), (3, 96), (3, 96), (3, 96), (2, 64)]);
    assert!(batches.windows(2).all(|pair| pair[0].layout.words_read <= pair[1].layout.words_read));
    assert_eq!(batches[4].layout.words_read, 449);
}

#[test]
fn a_negative_sample_stands_for_the_targets_of_other_words() {
    let text = "a b a c b a d a b\n".repeat(20);
    let corpus = Arc::new(Corpus::from_lines("test", text.as_bytes(), false, 1).unwrap());
    let mut met = 0;
    for batch in batches(&corpus, 0.0, 2, 4, 0) {
        for block in &batch.layout.blocks {
            let (first, count) = (block.first_output as usize, block.target_count as usize);
            for negative in first + count..first + count + NEGATIVES {
                for target in 0..count {
                    let same = batch.outputs[first + target] == batch.outputs[negative];
                    assert_eq!(batch.layout.targets[negative] >> target & 1 == 0, same);
                    met += usize::from(same);
                }
            }
        }
    }
    assert!(met > 100);
}

#[test]
fn the_seed_and_the_epoch_decide_everything() {
    let corpus = corpus(&[40; 30]);
    let of_epoch = |epoch| batches(&corpus, 1e-4, 5, 4, epoch);
    assert_eq!(of_epoch(0), of_epoch(0));
    assert_ne!(of_epoch(0), of_epoch(1));
}

#[test]
fn thinned_out_words_leave_the_windows_of_the_others() {
    // "x" is half of the text; the others are rare enough to be kept all.
    let text: String = (0..200).map(|word| format!("x {word} ")).collect();
    let corpus = Arc::new(Corpus::from_lines("test", text.as_bytes(), false, 1).unwrap());
    let batches = batches(&corpus, 5e-3, 1, 8, 0);
    let kept = batches.iter().map(|batch| batch.layout.words).sum::<u64>();
    // 0.11 of 200 are kept, or 22.
    assert!((205..245).contains(&kept), "{kept}");
    // So most neighbours are two words apart in the text.
    let apart = |batch: &Batch| batch.inputs.windows(2).filter(|pair| pair[0] != 0 && pair[1] != 0).count();
    assert!(batches.iter().map(apart).sum::<usize>() > 150);
}
