use std::fs;

use tempfile::TempDir;

use super::*;
use crate::model::Weights;

fn trained(arguments: &Arguments) -> (Outcome, String) {
    let mut printed = Vec::new();
    let outcome = run(arguments, &mut printed).unwrap();
    (outcome, String::from_utf8(printed).unwrap())
}

#[test]
#[ignore = "needs a GPU adapter"]
fn it_beats_the_means_and_recommends_what_is_not_rated() {
    let folder = TempDir::new().unwrap();
    let plots = folder.path().join("plots");
    let arguments = Arguments { epochs: 8, dim: 8, top: 25, plots: Some(plots.clone()), ..Arguments::default() };
    let (outcome, printed) = trained(&arguments);
    assert!(outcome.best < outcome.baselines.user_and_item_means - 0.02, "{printed}");
    assert!(outcome.best < outcome.baselines.mean - 0.2, "{printed}");
    assert_eq!(outcome.recommended.len(), 25);
    assert!(outcome.rated.len() > 25);
    assert!(outcome.recommended.iter().all(|item| !outcome.rated.contains(item)), "{printed}");
    for name in ["rmse.png", "items.png"] {
        assert!(fs::metadata(plots.join(name)).unwrap().len() > 5000);
    }
}

#[test]
#[ignore = "needs a GPU adapter"]
fn a_user_who_has_rated_all_is_told_so() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ratings.csv");
    let records: String = (0..12).map(|item| format!("7,{item},{}.5\n", item % 5)).collect();
    fs::write(&path, format!("userId,movieId,rating\n{records}")).unwrap();
    let (_, printed) = trained(&Arguments { ratings: Some(path), epochs: 1, ..Arguments::default() });
    assert!(printed.contains("held out, of 12 items by 1 user\n"), "{printed}");
    assert!(
        printed.ends_with("\nuser 7 has rated all there is, 12 items: nothing is left to recommend\n"),
        "{printed}"
    );
}

#[test]
#[ignore = "needs a GPU adapter"]
fn files_with_huge_ids_and_titles_are_taken() {
    let folder = TempDir::new().unwrap();
    let (ratings, movies) = (folder.path().join("ratings.csv"), folder.path().join("movies.csv"));
    // 12 users, who rate 8 of 9 items each; user 18446744073709551615 rates item 500 not.
    let id = |user: u64| u64::MAX - user;
    let mut csv = "userId,movieId,rating,timestamp\n".to_owned();
    for user in 0..12 {
        for item in (0..9).filter(|item| *item != user % 9) {
            csv += &format!("{},{},{}.5,964982703\n", id(user), 500 + item * 1_000_000_000_000, (user + item) % 5);
        }
    }
    fs::write(&ratings, csv).unwrap();
    fs::write(&movies, "movieId,title,genres\n500,\"Matrix, The (1999)\",Action\n").unwrap();
    let arguments = Arguments {
        ratings: Some(ratings),
        movies: Some(movies),
        user: Some(u64::MAX),
        epochs: 2,
        ..Arguments::default()
    };
    let (outcome, printed) = trained(&arguments);
    assert!(printed.contains("87 ratings to train on and 9 held out, of 9 items by 12 users"), "{printed}");
    assert_eq!(outcome.recommended.len(), 1);
    assert!(printed.trim_end().ends_with("Matrix, The (1999)"), "{printed}");

    let error = run(&Arguments { user: Some(7), ..arguments }, &mut Vec::new()).map(|_| ()).unwrap_err().to_string();
    let (least, most) = (id(11), id(0));
    let start = format!("--user 7 has no ratings; 12 users have, from {least} to {most}, the first being {most}, ");
    assert!(error.starts_with(&start), "{error}");
}

#[test]
#[ignore = "needs a GPU adapter"]
fn the_best_items_come_first() {
    let csv: String = (0..10).map(|item| format!("1,{item},3\n")).collect();
    let ratings = Ratings::from_csv("ratings", format!("userId,movieId,rating\n{csv}").as_bytes()).unwrap();
    let arguments = Arguments { dim: 1, ..Arguments::default() };
    let model = Recommender::new(&SharedDevice::new().unwrap(), &arguments, &ratings, 3.0).unwrap();
    let [users, user_biases] = [vec![2.0], vec![0.0]];
    let [mut items, mut item_biases] = [vec![9.0; 10], vec![0.0; 10]];
    items[..3].copy_from_slice(&[1.0, -1.0, 0.5]);
    item_biases[2] = 2.0;
    model.set_weights(&Weights([users, items, user_biases, item_biases])).unwrap();
    // 3 + 2 * 0.5 + 2 and 3 + 2 * 1; those from the fourth on are rated.
    let found = top_items(&model, 0, 10, &(3..10).collect(), 2).unwrap();
    assert_eq!(found, [(2, 6.0), (0, 5.0)]);
}
