//! The compression function of SHA-256 (FIPS 180-4, §6.2.2), for several messages at once.
//!
//! Each operation is a loop over the lanes, which the compiler turns into one vector instruction. `multiversion` compiles the
//! functions for each kind of vectors, and chooses one when the program runs.

use std::array;

use multiversion::multiversion;

/// A block of a message.
pub(super) type Block = [u8; 64];

/// The same word of each lane.
type Words<const N: usize> = [u32; N];

/// The states of the lanes, word by word.
pub(super) type States<const N: usize> = [Words<N>; 8];

/// The initial state of a hash (§5.3.3).
pub(super) const INITIAL: [u32; 8] =
    [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

/// The constants of the 64 rounds (§4.2.2).
const ROUNDS: [[u32; 16]; 4] = [
    [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
        0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    ],
    [
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152,
        0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    ],
    [
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1,
        0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    ],
    [
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee,
        0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    ],
];

/// Hashes as many blocks of each lane as the shortest has.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl"))]
pub(super) fn sixteen(states: &mut States<16>, lanes: [&[Block]; 16]) {
    blocks(states, lanes);
}

/// Hashes as many blocks of each lane as the shortest has.
#[multiversion(targets("x86_64+avx2"))]
pub(super) fn eight(states: &mut States<8>, lanes: [&[Block]; 8]) {
    blocks(states, lanes);
}

#[inline(always)]
fn blocks<const N: usize>(states: &mut States<N>, lanes: [&[Block]; N]) {
    let count = lanes.iter().map(|lane| lane.len()).min().unwrap_or(0);
    for number in 0..count {
        let rows: [[u32; 16]; N] = array::from_fn(|lane| words(lanes.get(lane).and_then(|lane| lane.get(number))));
        let mut schedule: [Words<N>; 16] =
            array::from_fn(|word| array::from_fn(|lane| *rows.get(lane).and_then(|row| row.get(word)).unwrap_or(&0)));
        let mut now = *states;
        for (part, constants) in ROUNDS.iter().enumerate() {
            if part > 0 {
                extend(&mut schedule);
            }
            for (words, constant) in schedule.iter().zip(constants) {
                round(&mut now, words, *constant);
            }
        }
        for (state, now) in states.iter_mut().zip(&now) {
            *state = add(state, now);
        }
    }
}

#[inline(always)]
fn words(block: Option<&Block>) -> [u32; 16] {
    let mut words = [0; 16];
    for (word, bytes) in words.iter_mut().zip(block.map(|block| block.as_chunks::<4>().0).unwrap_or_default()) {
        *word = u32::from_be_bytes(*bytes);
    }
    words
}

/// Replaces the sixteen words of the message schedule by the next ones (§6.2.2, step 1).
#[inline(always)]
fn extend<const N: usize>(schedule: &mut [Words<N>; 16]) {
    let [
        mut a,
        mut b,
        mut c,
        mut d,
        mut e,
        mut f,
        mut g,
        mut h,
        mut i,
        mut j,
        mut k,
        mut l,
        mut m,
        mut n,
        mut o,
        mut p,
    ] = *schedule;
    a = next([&a, &b, &j, &o]);
    b = next([&b, &c, &k, &p]);
    c = next([&c, &d, &l, &a]);
    d = next([&d, &e, &m, &b]);
    e = next([&e, &f, &n, &c]);
    f = next([&f, &g, &o, &d]);
    g = next([&g, &h, &p, &e]);
    h = next([&h, &i, &a, &f]);
    i = next([&i, &j, &b, &g]);
    j = next([&j, &k, &c, &h]);
    k = next([&k, &l, &d, &i]);
    l = next([&l, &m, &e, &j]);
    m = next([&m, &n, &f, &k]);
    n = next([&n, &o, &g, &l]);
    o = next([&o, &p, &h, &m]);
    p = next([&p, &a, &i, &n]);
    *schedule = [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p];
}

/// The word of the schedule after those 16, 15, 7 and 2 places earlier.
#[inline(always)]
fn next<const N: usize>([w16, w15, w7, w2]: [&Words<N>; 4]) -> Words<N> {
    let s0 = each(w15, |x| x.rotate_right(7) ^ x.rotate_right(18) ^ (x >> 3));
    let s1 = each(w2, |x| x.rotate_right(17) ^ x.rotate_right(19) ^ (x >> 10));
    add(&add(w16, &s0), &add(w7, &s1))
}

/// One round (§6.2.2, step 3).
#[inline(always)]
fn round<const N: usize>(states: &mut States<N>, words: &Words<N>, constant: u32) {
    let [a, b, c, d, e, f, g, h] = *states;
    let s1 = each(&e, |x| x.rotate_right(6) ^ x.rotate_right(11) ^ x.rotate_right(25));
    let ch = join([&e, &f, &g], |e, f, g| (e & f) ^ (!e & g));
    let added = each(words, |word| word.wrapping_add(constant));
    let t1 = add(&add(&add(&h, &s1), &ch), &added);
    let s0 = each(&a, |x| x.rotate_right(2) ^ x.rotate_right(13) ^ x.rotate_right(22));
    let maj = join([&a, &b, &c], |a, b, c| (a & b) ^ (a & c) ^ (b & c));
    *states = [add(&t1, &add(&s0, &maj)), a, b, c, add(&d, &t1), e, f, g];
}

#[inline(always)]
fn add<const N: usize>(one: &Words<N>, other: &Words<N>) -> Words<N> {
    let mut sum = *one;
    for (sum, other) in sum.iter_mut().zip(other) {
        *sum = sum.wrapping_add(*other);
    }
    sum
}

#[inline(always)]
fn each<const N: usize>(words: &Words<N>, change: impl Fn(u32) -> u32) -> Words<N> {
    let mut changed = *words;
    for word in &mut changed {
        *word = change(*word);
    }
    changed
}

#[inline(always)]
fn join<const N: usize>([a, b, c]: [&Words<N>; 3], join: impl Fn(u32, u32, u32) -> u32) -> Words<N> {
    let mut joined = *a;
    for ((joined, b), c) in joined.iter_mut().zip(b).zip(c) {
        *joined = join(*joined, *b, *c);
    }
    joined
}
