//! What the pictures must be.

mod components;
mod labels;

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use plotters::prelude::{BitMapBackend, IntoDrawingArea};
use plotters::style::RGBColor;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use crate::plots::{self, COLOURS, CURVES_SIZE, PROJECTION_SIZE, TEXT_SIZE, curves, projection, text_width, write};
use crate::program::Result;

/// A picture's size, and its pixels in three bytes each.
fn read(path: &Path) -> ((u32, u32), Vec<u8>) {
    let mut reader = png::Decoder::new(BufReader::new(File::open(path).unwrap())).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((frame.color_type, frame.bit_depth), (png::ColorType::Rgb, png::BitDepth::Eight));
    pixels.truncate(frame.buffer_size());
    ((frame.width, frame.height), pixels)
}

/// How many pixels have this colour.
fn count(pixels: &[u8], RGBColor(red, green, blue): RGBColor) -> usize {
    pixels.chunks(3).filter(|pixel| *pixel == [red, green, blue]).count()
}

fn labels(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("word {number}")).collect()
}

#[test]
fn curves_are_drawn() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("curves.png");
    let (train, test): (Vec<_>, Vec<_>) = (1..=20).map(|n| (1.0 / f64::from(n), 0.2 + 0.5 / f64::from(n))).unzip();
    curves(&path, "Loss", "binary cross-entropy", &[("training", &train), ("test", &test)]).unwrap();
    let (size, pixels) = read(&path);
    assert_eq!(size, CURVES_SIZE);
    // 20 dots of some 50 pixels each, and the lines between them.
    for colour in [COLOURS[0], COLOURS[1]] {
        assert!(count(&pixels, colour) > 1500, "{}", count(&pixels, colour));
    }
    assert_eq!(count(&pixels, COLOURS[2]), 0);
}

#[test]
fn odd_curves_are_drawn_too() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("curves.png");
    let long: Vec<_> = (0..5000).map(f64::from).collect();
    let cases: [&[f64]; 12] = [
        &[0.5],
        &[0.0],
        &[0.7; 5],
        &[0.3, 0.1 + 0.2],
        &[f64::NAN, 0.5, f64::INFINITY, 0.4, f64::NEG_INFINITY],
        &[1e30, -1e30, 1e31, f64::MAX],
        &[1e-300, 2e-300],
        &[f64::MIN_POSITIVE / 4.0],
        &[-5.0, 1e12],
        &[1e6, 1e6 + 1.0],
        &long,
        &[1.0, 1.0 + 1e-8],
    ];
    for values in cases {
        curves(&path, "Loss", "loss", &[("training", values), ("none", &[])]).unwrap();
        let (_, pixels) = read(&path);
        // More than the legend's line and dot.
        assert!(count(&pixels, COLOURS[0]) > 130, "{values:?}: {}", count(&pixels, COLOURS[0]));
    }
}

#[test]
fn a_value_that_is_not_finite_is_a_gap() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("curves.png");
    let drawn = |values: &[f64]| {
        curves(&path, "Loss", "loss", &[("training", values)]).unwrap();
        count(&read(&path).1, COLOURS[0])
    };
    let (whole, gap) = (drawn(&[1.0, 1.5, 2.0]), drawn(&[1.0, f64::NAN, 2.0]));
    assert!(gap + 500 < whole, "{gap} and {whole} pixels");
}

#[test]
fn rows_are_drawn_with_labels() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("rows.png");
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let rows: Vec<f32> = (0..60 * 16).map(|_| random.random_range(-1.0..1.0)).collect();
    projection(&path, "Words", &labels(60), &rows, 16).unwrap();
    let (size, labelled) = read(&path);
    assert_eq!(size, PROJECTION_SIZE);
    assert!(count(&labelled, COLOURS[0]) > 60 * 40, "{}", count(&labelled, COLOURS[0]));
    projection(&path, "Words", &vec![String::new(); 60], &rows, 16).unwrap();
    let ink = |pixels: &[u8]| pixels.chunks(3).filter(|pixel| *pixel != [255; 3]).count();
    assert!(ink(&labelled) > ink(&read(&path).1) + 60 * 100);
}

#[test]
fn odd_rows_are_drawn_too() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("rows.png");
    let drawn = |labels: &[String], rows: &[f32], width| {
        projection(&path, "Rows", labels, rows, width).unwrap();
        count(&read(&path).1, COLOURS[0])
    };
    assert!(drawn(&labels(1), &[1.0, 2.0], 2) > 40);
    assert!(drawn(&labels(2), &[1.0, 2.0, 3.0, 0.0], 2) > 80);
    assert!(drawn(&labels(3), &[1.0, 2.0, 5.0], 1) > 120);
    assert!(drawn(&labels(40), &[0.1; 40 * 7], 7) > 40);
    // Of these three, one row is left.
    let one = drawn(&labels(3), &[f32::NAN, 0.0, 1.0, 2.0, 0.0, f32::INFINITY], 2);
    assert!((40..80).contains(&one), "{one}");
    let words = ["naïve", "Ærøskøbing", "любовь", "映画", "أفلام", "🎬🎥", "a\u{301}", "\u{0}\n\t\u{7f}", ""];
    let words: Vec<_> = words.iter().map(|&word| word.to_owned()).chain(["long ".repeat(5000)]).collect();
    let rows: Vec<_> = (0..words.len() * 3).map(|number| (number * number) as f32).collect();
    assert!(drawn(&words, &rows, 3) > 300);
}

#[test]
fn what_cannot_be_drawn_is_an_error_that_names_the_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("picture.png");
    let name = path.display().to_string();
    let message = |result: Result<()>| result.unwrap_err().to_string();
    for bad in [&[][..], &[f64::NAN, f64::INFINITY], &[f64::MAX]] {
        let error = message(curves(&path, "Loss", "loss", &[("training", bad)]));
        assert_eq!(error, format!("{name}: cannot be drawn: there is no finite value to draw"));
    }
    for (labels_count, rows, width) in [(2, &[0.0; 3][..], 2), (1, &[0.0; 3], 2), (0, &[], 0), (1, &[], 0)] {
        let error = message(projection(&path, "Rows", &labels(labels_count), rows, width));
        assert!(
            error.starts_with(&format!("{name}: cannot be drawn: {labels_count} rows of {width} floats")),
            "{error}"
        );
    }
    for (labels_count, rows) in [(0, &[][..]), (1, &[f32::NAN, 0.0])] {
        let error = message(projection(&path, "Rows", &labels(labels_count), rows, 2));
        assert_eq!(error, format!("{name}: cannot be drawn: there is no row of finite floats to draw"));
    }
    let path = folder.path().join("none").join("picture.png");
    let error = message(curves(&path, "Loss", "loss", &[("training", &[1.0])]));
    let missing = File::open(&path).unwrap_err();
    assert_eq!(error, format!("{}: cannot be drawn: {missing}", path.display()));
    plots::folder(path.parent().unwrap()).unwrap();
    curves(&path, "Loss", "loss", &[("training", &[1.0])]).unwrap();
    assert!(message(plots::folder(&path)).contains("the folder cannot be made"));
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error() {
    let message = |path: &str| plots::folder(Path::new(path)).unwrap_err().to_string();
    assert_eq!(message(""), "--plots must name a folder, and is empty");
    // Not even root can write there.
    if cfg!(target_os = "linux") {
        assert!(message("/proc").starts_with("/proc: no file can be written there: "), "{}", message("/proc"));
    }
    let folder = TempDir::new().unwrap();
    plots::folder(folder.path()).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn letters_lie_in_the_area_they_are_placed_in() {
    let folder = TempDir::new().unwrap();
    // Once drawn, the font is registered.
    curves(&folder.path().join("curves.png"), "Loss", "loss", &[("training", &[1.0])]).unwrap();
    let mut pixels = vec![255; 300 * 60 * 3];
    let width = {
        let canvas = BitMapBackend::with_buffer(&mut pixels, (300, 60)).into_drawing_area();
        write(&canvas, "Éljpqgy|Wm", (50, 20)).unwrap();
        text_width(&canvas, "Éljpqgy|Wm")
    };
    let inked = pixels.chunks(3).enumerate().filter(|(_, pixel)| *pixel != [255; 3]);
    let inked: Vec<_> = inked.map(|(number, _)| ((number % 300) as i32, (number / 300) as i32)).collect();
    assert!(inked.len() > 300, "{}", inked.len());
    let outside = inked.iter().find(|(x, y)| !(50..50 + width).contains(x) || !(20..20 + TEXT_SIZE).contains(y));
    assert_eq!(outside, None);
}
