//! SHA-256 of several messages at once on one core: one message in each lane of a vector.
//!
//! Where the processor has no instructions for SHA-256, this is two to four times as fast as one message after another. Where it has
//! them, they are as fast as sixteen lanes, and need none.

mod compress;
mod lane;

use std::array;

use compress::{Block, INITIAL, States};
pub(super) use lane::Lane;

/// How many messages to hash at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    /// Each message on its own, by `sha2`.
    One,
    /// As many as an AVX2 vector has words.
    Eight,
    /// As many as an AVX-512 vector has words.
    Sixteen,
}

impl Width {
    /// All widths, for tests.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 3] = [Self::One, Self::Eight, Self::Sixteen];

    /// The fastest on this processor.
    pub(super) fn of_machine() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let own = is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1");
            let vectors = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
            let vectors = vectors && is_x86_feature_detected!("avx512dq") && is_x86_feature_detected!("avx512vl");
            match (own && !cfg!(sha2_backend = "soft"), vectors, is_x86_feature_detected!("avx2")) {
                (true, ..) => Self::One,
                (false, true, _) => Self::Sixteen,
                (false, false, true) => Self::Eight,
                (false, false, false) => Self::One,
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        Self::One
    }

    pub(super) fn lanes(self) -> usize {
        match self {
            Self::One => 1,
            Self::Eight => 8,
            Self::Sixteen => 16,
        }
    }

    /// With fewer messages, `sha2` is faster: empty lanes cost as much as full ones.
    pub(super) fn fewest(self) -> usize {
        match self {
            Self::One => usize::MAX,
            Self::Eight => 5,
            Self::Sixteen => 6,
        }
    }

    /// Hashes the waiting blocks of up to as many lanes as the width has: as many blocks of each as the lane with the fewest has.
    pub(super) fn advance(self, lanes: &mut [&mut Lane]) {
        match self {
            Self::Eight => together(lanes, compress::eight),
            Self::Sixteen => together(lanes, compress::sixteen),
            Self::One => lanes.iter_mut().for_each(|lane| lane.advance_alone()),
        }
    }
}

fn together<const N: usize>(lanes: &mut [&mut Lane], compress: impl Fn(&mut States<N>, [&[Block]; N])) {
    let count = lanes.iter().map(|lane| lane.waiting().len()).min().unwrap_or(0);
    // A lane without a message does what the first does.
    let of = |lane: usize| lanes.get(lane).or(lanes.first());
    let blocks = array::from_fn(|lane| of(lane).and_then(|lane| lane.waiting().get(..count)).unwrap_or_default());
    let words: [[u32; 8]; N] = array::from_fn(|lane| of(lane).map_or(INITIAL, |lane| lane.state()));
    let mut states: States<N> =
        array::from_fn(|word| words.each_ref().map(|state| state.get(word).copied().unwrap_or_default()));
    compress(&mut states, blocks);
    for (number, lane) in lanes.iter_mut().enumerate() {
        lane.advanced(count, states.each_ref().map(|words| words.get(number).copied().unwrap_or_default()));
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// The hashes of messages, each taken in chunks of some length.
    fn hashes(width: Width, messages: &[Vec<u8>], chunk: usize) -> Vec<[u8; 32]> {
        let mut hashes = vec![[0; 32]; messages.len()];
        let mut open: Vec<(usize, &[u8], Lane)> = Vec::new();
        let mut left = messages.iter().enumerate();
        loop {
            while open.len() < width.lanes()
                && let Some((number, message)) = left.next()
            {
                open.push((number, message, Lane::default()));
            }
            if open.is_empty() {
                return hashes;
            }
            for (number, message, lane) in &mut open {
                // The lanes do not fill equally fast.
                let (now, later) = message.split_at(message.len().min(chunk + *number % 5));
                lane.take(now);
                if later.is_empty() && !lane.has_ended() {
                    lane.end();
                }
                *message = later;
            }
            width.advance(&mut open.iter_mut().map(|(.., lane)| lane).collect::<Vec<_>>());
            open.retain(|(number, _, lane)| match lane.hash() {
                Some(hash) => {
                    hashes[*number] = hash;
                    false
                }
                None => true,
            });
        }
    }

    fn message(length: usize) -> Vec<u8> {
        (0..length).map(|at| u8::try_from((at * 31 + length * 7 + (at >> 8)) % 251).unwrap()).collect()
    }

    #[test]
    fn lanes_give_the_hashes_of_sha2_for_all_lengths_around_block_borders() {
        let messages: Vec<_> = (0..=130).chain([1 << 12, (1 << 12) + 1, 9_999]).map(message).collect();
        let expected: Vec<[u8; 32]> = messages.iter().map(|message| Sha256::digest(message).into()).collect();
        for width in Width::ALL {
            for chunk in [1, 56, 63, 64, 65, 1000] {
                assert_eq!(hashes(width, &messages, chunk), expected, "{width:?} {chunk}");
            }
        }
    }

    #[test]
    fn few_messages_and_messages_that_overflow_their_lane_are_hashed_alike() {
        for (count, length) in [(1, (2 << 20) + 100), (4, 9_000), (5, 3_000), (7, 100), (15, 500), (17, 64)] {
            let messages: Vec<_> = (0..count).map(|number| message(length + number)).collect();
            let expected: Vec<[u8; 32]> = messages.iter().map(|message| Sha256::digest(message).into()).collect();
            for width in Width::ALL {
                assert_eq!(hashes(width, &messages, length), expected, "{width:?} {count}");
            }
        }
    }
}
