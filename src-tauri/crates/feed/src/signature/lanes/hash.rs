//! SHA-512 (FIPS 180-4, sections 5.1.2, 5.2.2, 5.3.5 and 6.4) of eight texts at once.

use core::arch::x86_64::{
    __m512i, __mmask8, _mm512_add_epi64, _mm512_mask_add_epi64, _mm512_ror_epi64, _mm512_set1_epi64, _mm512_set4_epi64,
    _mm512_setzero_si512, _mm512_shuffle_epi8, _mm512_srli_epi64, _mm512_ternarylogic_epi64,
};

use sha2::{Digest, Sha512};

use super::machine::{load_bytes, store};
use super::table::transposed;

/// Bytes of a block.
const BLOCK: usize = 128;

/// With fewer texts than this in a group, one after the other is as fast.
const LANES_FROM: usize = 3;

/// The initial hash value.
const INITIAL: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// The round constants.
const ROUNDS: [u64; 80] = [
    0x428a_2f98_d728_ae22,
    0x7137_4491_23ef_65cd,
    0xb5c0_fbcf_ec4d_3b2f,
    0xe9b5_dba5_8189_dbbc,
    0x3956_c25b_f348_b538,
    0x59f1_11f1_b605_d019,
    0x923f_82a4_af19_4f9b,
    0xab1c_5ed5_da6d_8118,
    0xd807_aa98_a303_0242,
    0x1283_5b01_4570_6fbe,
    0x2431_85be_4ee4_b28c,
    0x550c_7dc3_d5ff_b4e2,
    0x72be_5d74_f27b_896f,
    0x80de_b1fe_3b16_96b1,
    0x9bdc_06a7_25c7_1235,
    0xc19b_f174_cf69_2694,
    0xe49b_69c1_9ef1_4ad2,
    0xefbe_4786_384f_25e3,
    0x0fc1_9dc6_8b8c_d5b5,
    0x240c_a1cc_77ac_9c65,
    0x2de9_2c6f_592b_0275,
    0x4a74_84aa_6ea6_e483,
    0x5cb0_a9dc_bd41_fbd4,
    0x76f9_88da_8311_53b5,
    0x983e_5152_ee66_dfab,
    0xa831_c66d_2db4_3210,
    0xb003_27c8_98fb_213f,
    0xbf59_7fc7_beef_0ee4,
    0xc6e0_0bf3_3da8_8fc2,
    0xd5a7_9147_930a_a725,
    0x06ca_6351_e003_826f,
    0x1429_2967_0a0e_6e70,
    0x27b7_0a85_46d2_2ffc,
    0x2e1b_2138_5c26_c926,
    0x4d2c_6dfc_5ac4_2aed,
    0x5338_0d13_9d95_b3df,
    0x650a_7354_8baf_63de,
    0x766a_0abb_3c77_b2a8,
    0x81c2_c92e_47ed_aee6,
    0x9272_2c85_1482_353b,
    0xa2bf_e8a1_4cf1_0364,
    0xa81a_664b_bc42_3001,
    0xc24b_8b70_d0f8_9791,
    0xc76c_51a3_0654_be30,
    0xd192_e819_d6ef_5218,
    0xd699_0624_5565_a910,
    0xf40e_3585_5771_202a,
    0x106a_a070_32bb_d1b8,
    0x19a4_c116_b8d2_d0c8,
    0x1e37_6c08_5141_ab53,
    0x2748_774c_df8e_eb99,
    0x34b0_bcb5_e19b_48a8,
    0x391c_0cb3_c5c9_5a63,
    0x4ed8_aa4a_e341_8acb,
    0x5b9c_ca4f_7763_e373,
    0x682e_6ff3_d6b2_b8a3,
    0x748f_82ee_5def_b2fc,
    0x78a5_636f_4317_2f60,
    0x84c8_7814_a1f0_ab72,
    0x8cc7_0208_1a64_39ec,
    0x90be_fffa_2363_1e28,
    0xa450_6ceb_de82_bde9,
    0xbef9_a3f7_b2c6_7915,
    0xc671_78f2_e372_532b,
    0xca27_3ece_ea26_619c,
    0xd186_b8c7_21c0_c207,
    0xeada_7dd6_cde0_eb1e,
    0xf57d_4f7f_ee6e_d178,
    0x06f0_67aa_7217_6fba,
    0x0a63_7dc5_a2c8_98a6,
    0x113f_9804_bef9_0dae,
    0x1b71_0b35_131c_471b,
    0x28db_77f5_2304_7d84,
    0x32ca_ab7b_40c7_2493,
    0x3c9e_be0a_15c9_bebc,
    0x431d_67c4_9c10_0d4c,
    0x4cc5_d4be_cb3e_42b6,
    0x597f_299c_fc65_7e2a,
    0x5fcb_6fab_3ad6_faec,
    0x6c44_198c_4a47_5817,
];

/// SHA-512 of each text, in their order.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn digests(texts: &[&[u8]]) -> Vec<[u8; 64]> {
    // Texts of about the same length together, so that all lanes of a group end at about the same time.
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|at| blocks(texts[*at]));
    let mut digests = vec![[0; 64]; texts.len()];
    for group in order.chunks(8) {
        if group.len() < LANES_FROM {
            group.iter().for_each(|at| digests[*at] = Sha512::digest(texts[*at]).into());
            continue;
        }
        let mut lanes: [&[u8]; 8] = [&[]; 8];
        for (lane, at) in lanes.iter_mut().zip(group) {
            *lane = texts[*at];
        }
        for (digest, at) in digests_of_lanes(lanes).into_iter().zip(group) {
            digests[*at] = digest;
        }
    }
    digests
}

/// How many blocks a text takes, with a bit of padding and 16 bytes of length at least.
fn blocks(text: &[u8]) -> usize {
    (text.len() + 17).div_ceil(BLOCK)
}

/// What is left of a text after its whole blocks, padded: one block or two.
fn end(text: &[u8]) -> [[u8; BLOCK]; 2] {
    let mut padded = [0; 2 * BLOCK];
    let rest = text.as_chunks::<BLOCK>().1;
    padded[..rest.len()].copy_from_slice(rest);
    padded[rest.len()] = 0x80;
    let end = if rest.len() + 17 > BLOCK { 2 * BLOCK } else { BLOCK };
    // Nothing in memory has 2⁶⁴ bits, so that the upper half of the length is 0.
    padded[end - 8..end].copy_from_slice(&(text.len() as u64 * 8).to_be_bytes());
    let (one, other) = padded.split_at(BLOCK);
    let mut blocks = [[0; BLOCK]; 2];
    blocks[0].copy_from_slice(one);
    blocks[1].copy_from_slice(other);
    blocks
}

#[target_feature(enable = "avx512f,avx512bw")]
fn digests_of_lanes(texts: [&[u8]; 8]) -> [[u8; 64]; 8] {
    let whole = texts.map(|text| text.as_chunks::<BLOCK>().0);
    let ends = texts.map(end);
    let counts = texts.map(blocks);
    let mut state = INITIAL.map(|word| _mm512_set1_epi64(word.cast_signed()));
    for at in 0..counts.into_iter().max().unwrap_or(0) {
        let mut running: __mmask8 = 0;
        let mut block = [&ends[0][0]; 8];
        for lane in 0..8 {
            running |= u8::from(at < counts[lane]) << lane;
            // Of a lane that has ended any block will do: what comes of it is dropped.
            let after = at.saturating_sub(whole[lane].len()).min(1);
            block[lane] = whole[lane].get(at).unwrap_or(&ends[lane][after]);
        }
        compress(&mut state, running, &words(block));
    }
    let mut digests = [[0; 64]; 8];
    for (at, words) in state.into_iter().enumerate() {
        for (digest, word) in digests.iter_mut().zip(store(words)) {
            digest[8 * at..][..8].copy_from_slice(&word.to_be_bytes());
        }
    }
    digests
}

/// The 16 words of a block of each lane.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn words(blocks: [&[u8; BLOCK]; 8]) -> [__m512i; 16] {
    // The bytes of each word the other way round.
    let swap =
        _mm512_set4_epi64(0x0809_0a0b_0c0d_0e0f, 0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f, 0x0001_0203_0405_0607);
    let mut words = [_mm512_setzero_si512(); 16];
    for half in 0..2 {
        let mut rows = [_mm512_setzero_si512(); 8];
        for (row, block) in rows.iter_mut().zip(blocks) {
            *row = _mm512_shuffle_epi8(load_bytes(&block.as_chunks::<64>().0[half]), swap);
        }
        words[8 * half..][..8].copy_from_slice(&transposed(rows));
    }
    words
}

/// a ⊕ b ⊕ c.
#[target_feature(enable = "avx512f")]
#[inline]
fn xor(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi64::<0x96>(a, b, c)
}

/// Works a block into the state of the lanes that are running.
#[target_feature(enable = "avx512f")]
fn compress(state: &mut [__m512i; 8], running: __mmask8, block: &[__m512i; 16]) {
    let mut words = *block;
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for sixteen in ROUNDS.as_chunks::<16>().0 {
        for t in 0..16 {
            let big1 = xor(_mm512_ror_epi64::<14>(e), _mm512_ror_epi64::<18>(e), _mm512_ror_epi64::<41>(e));
            // Where e has a bit, f, else g.
            let choice = _mm512_ternarylogic_epi64::<0xca>(e, f, g);
            let known = _mm512_add_epi64(words[t], _mm512_set1_epi64(sixteen[t].cast_signed()));
            let one = _mm512_add_epi64(_mm512_add_epi64(h, known), _mm512_add_epi64(big1, choice));
            let big0 = xor(_mm512_ror_epi64::<28>(a), _mm512_ror_epi64::<34>(a), _mm512_ror_epi64::<39>(a));
            let majority = _mm512_ternarylogic_epi64::<0xe8>(a, b, c);
            (h, g, f, e) = (g, f, e, _mm512_add_epi64(d, one));
            (d, c, b, a) = (c, b, a, _mm512_add_epi64(one, _mm512_add_epi64(big0, majority)));
        }
        // The words of the next sixteen rounds.
        for t in 0..16 {
            let (fifteen, two) = (words[(t + 1) % 16], words[(t + 14) % 16]);
            let small0 =
                xor(_mm512_ror_epi64::<1>(fifteen), _mm512_ror_epi64::<8>(fifteen), _mm512_srli_epi64::<7>(fifteen));
            let small1 = xor(_mm512_ror_epi64::<19>(two), _mm512_ror_epi64::<61>(two), _mm512_srli_epi64::<6>(two));
            let sum =
                _mm512_add_epi64(_mm512_add_epi64(words[t], small0), _mm512_add_epi64(words[(t + 9) % 16], small1));
            words[t] = sum;
        }
    }
    for (word, result) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = _mm512_mask_add_epi64(*word, running, *word, result);
    }
}
