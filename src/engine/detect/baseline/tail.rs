//! How unusual a number is: tails of the negative binomial and of the normal distribution.

/// Natural logarithm of the gamma function for `x > 0`, to some 1e-13.
/// Source: C. Lanczos, "A precision approximation of the gamma function"; coefficients for g = 7,
/// n = 9 as P. Godfrey computed them.
pub fn ln_gamma(x: f64) -> f64 {
    const C: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let t = x + 7.5;
    let sum = C[1..].iter().enumerate().fold(C[0], |sum, (i, c)| sum + c / (x + i as f64 + 1.0));
    0.918_938_533_204_672_8 + (x + 0.5) * t.ln() - t + sum.ln()
}

/// `ln I_x(a, b)`, the regularised incomplete beta function, in log space so that tails far
/// beyond 1e-300 keep their order. Source: W. Press et al., "Numerical Recipes", 6.4, by the
/// modified Lentz method.
fn ln_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if x >= 1.0 {
        return 0.0;
    }
    let front = ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p();
    if x < (a + 1.0) / (a + b + 2.0) {
        front + (fraction(a, b, x) / a).ln()
    } else {
        let upper = front.exp() * fraction(b, a, 1.0 - x) / b;
        (-upper.min(1.0 - 1e-16)).ln_1p()
    }
}

fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let mut c = 1.0;
    let mut d = lift(1.0 - (a + b) * x / (a + 1.0), TINY).recip();
    let mut h = d;
    for m in 1..200 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = lift(1.0 + even * d, TINY).recip();
        c = lift(1.0 + even / c, TINY);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = lift(1.0 + odd * d, TINY).recip();
        c = lift(1.0 + odd / c, TINY);
        let step = d * c;
        h *= step;
        if (step - 1.0).abs() < 1e-9 {
            break;
        }
    }
    h
}

fn lift(value: f64, tiny: f64) -> f64 {
    if value.abs() < tiny { tiny } else { value }
}

/// `ln P(Y >= y)` of a negative binomial with mean `mu` and size `size` (variance
/// `mu + mu²/size`); `y` may be a fraction.
pub fn ln_at_least(y: f64, mu: f64, size: f64) -> f64 {
    if y <= 0.0 {
        return 0.0;
    }
    ln_beta(y, size, mu / (mu + size))
}

/// `ln P(Y >= y | Y >= 1)` of the same.
pub fn ln_at_least_if_any(y: f64, mu: f64, size: f64) -> f64 {
    let none = size * (size / (size + mu)).ln();
    let any = (-none.exp_m1()).max(1e-12).ln();
    (ln_at_least(y, mu, size) - any).min(0.0)
}

/// `ln P(K >= part)` of `of` draws of which each is of the part with probability `share`; both
/// may be fractions.
pub fn ln_part_at_least(part: f64, of: f64, share: f64) -> f64 {
    if part <= 0.0 {
        return 0.0;
    }
    ln_beta(part, (of - part).max(0.0) + 1.0, share)
}

/// Upper tail of the standard normal distribution, to a relative error of 1.2e-7.
/// Source: "Numerical Recipes", 6.2, erfcc.
pub fn normal_tail(z: f64) -> f64 {
    const C: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * x);
    let poly = C.iter().rev().fold(0.0, |sum, c| sum * t + c);
    let tail = 0.5 * t * (-x * x + poly).exp();
    if z >= 0.0 { tail } else { 1.0 - tail }
}

/// The `z` whose lower tail is `p`, to 1.2e-9 relative. Source: P. Acklam, "An algorithm for
/// computing the inverse normal cumulative distribution function".
pub fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -39.696_830_286_653_76,
        220.946_098_424_520_5,
        -275.928_510_446_968_7,
        138.357_751_867_269,
        -30.664_798_066_147_16,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -54.476_098_798_224_06,
        161.585_836_858_040_9,
        -155.698_979_859_886_6,
        66.801_311_887_719_72,
        -13.280_681_552_885_72,
    ];
    const C: [f64; 6] = [
        -0.007_784_894_002_430_293,
        -0.322_396_458_041_136_5,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] = [
        0.007_784_695_709_041_462,
        0.322_467_129_070_039_8,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
    ];
    let poly = |c: &[f64], x: f64| c.iter().fold(0.0, |sum, c| sum * x + c);
    let p = p.clamp(1e-12, 1.0 - 1e-12);
    if !(0.024_25..=0.975_75).contains(&p) {
        let q = (-2.0 * p.min(1.0 - p).ln()).sqrt();
        let z = poly(&C, q) / (poly(&D, q) * q + 1.0);
        return if p < 0.5 { z } else { -z };
    }
    let q = p - 0.5;
    let r = q * q;
    poly(&A, r) * q / (poly(&B, r) * r + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tail summed term by term.
    fn slow(y: u32, mu: f64, size: f64) -> f64 {
        let p = mu / (mu + size);
        let term = |k: f64| {
            (ln_gamma(k + size) - ln_gamma(size) - ln_gamma(k + 1.0)
                + size * (1.0 - p).ln()
                + k * p.ln())
            .exp()
        };
        (y..y + 4_000).map(|k| term(f64::from(k))).sum()
    }

    #[test]
    fn agrees_with_the_sum_of_its_terms() {
        for (y, mu, size) in
            [(1, 0.3, 0.5), (5, 3.0, 2.0), (40, 10.0, 4.0), (300, 20.0, 1.0), (2, 50.0, 9.0)]
        {
            let (fast, slow) = (ln_at_least(f64::from(y), mu, size), slow(y, mu, size).ln());
            assert!((fast - slow).abs() < 1e-6, "{y} {mu} {size}: {fast} {slow}");
        }
    }

    #[test]
    fn a_part_agrees_with_the_binomial_sum() {
        // 8 or more of 10 at 0.3: 45 0.3^8 0.7^2 + 10 0.3^9 0.7 + 0.3^10.
        assert!((ln_part_at_least(8.0, 10.0, 0.3).exp() - 0.001_590_386_4).abs() < 1e-9);
        assert!(ln_part_at_least(400.0, 400.0, 0.2) < -600.0);
        assert!(ln_part_at_least(0.0, 10.0, 0.3).abs() < 1e-12);
    }

    #[test]
    fn tails_keep_their_order_far_out() {
        let far: Vec<f64> = (1..40).map(|k| ln_at_least(f64::from(k) * 500.0, 4.0, 2.0)).collect();
        assert!(far.is_sorted_by(|a, b| a > b) && far.iter().all(|p| p.is_finite()));
        assert!(ln_at_least_if_any(1.0, 0.2, 0.5).abs() < 1e-9);
    }

    #[test]
    fn the_normal_tail_and_its_inverse_agree() {
        for z in [-3.0, -1.0, 0.0, 0.5, 1.644_853_6, 3.0, 5.0] {
            assert!((normal_quantile(1.0 - normal_tail(z)) - z).abs() < 1e-5, "{z}");
        }
        assert!((normal_tail(1.959_964) - 0.025).abs() < 1e-7);
    }
}
