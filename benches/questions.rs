//! The cost of each kind of question inside one process, on a committed fixture or on `NIXOSCOPE_IMAGE`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark that cannot run should say so at once")]

use std::hint::black_box;
use std::path::PathBuf;

use criterion::{Criterion, criterion_group, criterion_main};
use nixoscope::Troubles;
use nixoscope::check::kind::Installed;
use nixoscope::check::{self, Assertion, PackageQuery};
use nixoscope::fs::path;
use nixoscope::fs::walk::Walk;
use nixoscope::image::Image;
use nixoscope::nixos::Disc;
use nixoscope::nixos::package::{self, Column};
use nixoscope::nixos::software::Software;

fn image() -> Image {
    let fixture = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/today/result"));
    let path = std::env::var_os("NIXOSCOPE_IMAGE").map_or_else(fixture, PathBuf::from);
    Image::open(&path, &|_, _| ()).unwrap()
}

fn questions(criterion: &mut Criterion) {
    let image = image();
    criterion.bench_function("open a disc", |bencher| bencher.iter(|| Disc::open(black_box(&image)).unwrap()));
    criterion.bench_function("resolve one path", |bencher| {
        bencher.iter(|| {
            let disc = Disc::open(&image).unwrap();
            path::resolve(disc.tree(), black_box(b"/etc/os-release")).unwrap()
        });
    });
    criterion.bench_function("list the packages", |bencher| {
        bencher.iter(|| {
            let disc = Disc::open(&image).unwrap();
            let software = Software::of(&disc, &mut Troubles::default()).unwrap();
            package::list(&disc, &software, black_box(&[]), &mut Troubles::default()).unwrap()
        });
    });
    criterion.bench_function("list the packages with all sizes", |bencher| {
        bencher.iter(|| {
            let disc = Disc::open(&image).unwrap();
            let software = Software::of(&disc, &mut Troubles::default()).unwrap();
            package::list(&disc, &software, black_box(&[Column::Closure, Column::Disk]), &mut Troubles::default())
                .unwrap()
        });
    });
    criterion.bench_function("check a package", |bencher| {
        let demands = [Assertion::from(Installed(PackageQuery::parse("git").unwrap())).into()];
        bencher.iter(|| check::run(&Disc::open(&image).unwrap(), black_box(&demands), &|_, _| {}));
    });
    criterion.bench_function("list all files with what they are", |bencher| {
        bencher.iter(|| {
            let disc = Disc::open(&image).unwrap();
            let tree = disc.tree();
            let walk = Walk::new(tree, tree.root(), b"/");
            walk.map(|visit| tree.node(visit.unwrap().id).unwrap().mtime).fold(0, i64::wrapping_add)
        });
    });
}

criterion_group!(benches, questions);
criterion_main!(benches);
