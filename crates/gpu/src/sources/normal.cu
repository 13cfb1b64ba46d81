// The normal distribution, for the exact GELU.
//
// GELU: y = z Phi(z) (Hendrycks and Gimpel, 2016), with the complementary error function, so that nothing cancels; in
// bf16 Phi(-a) = exp(-a^2 / 2) q(a), q fitted to 4.4e-6 of itself everywhere, a thousandth of what bf16 rounds away.

// Phi(z) and its derivative, as exact as values of T are stored.
struct Normal {
    float below, density;
};

template <typename T> __device__ Normal normal(float z);
template <> __device__ inline Normal normal<float>(float z) {
    return {0.5f * erfcf(z * -0.70710678f), 0.3989423f * expf(-0.5f * z * z)};
}
template <> __device__ inline Normal normal<bf16>(float z) {
    float decay = quick_exp(-0.5f * z * z), s = __fdividef(1.0f, 1.0f + 0.305f * fabsf(z));
    float q = 0.20120107f + s * -0.07675633f;
    q = 0.14026173f + s * (-0.00344606f + s * q);
    q = decay * s * (0.12199965f + s * (0.1167415f + s * q));
    return {z < 0.0f ? q : 1.0f - q, 0.3989423f * decay};
}
