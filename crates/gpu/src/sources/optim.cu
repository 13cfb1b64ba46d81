// From gradients to parameters, over all parameters at once as flat arrays of n values.
//
// A step: gradient_squares (any grid of 256 threads; partial[block], f64), decide (one block of 256), then one of
// the rules (any grid and block). The numbers that change from step to step come from a table that the state's step
// indexes, so that captured work needs no change. Arrays are aligned to 16 bytes and read in runs of four.

typedef Run<float, 4> Four;

__device__ inline Run<bf16, 4> narrow(const Four &from) {
    Run<bf16, 4> to;
#pragma unroll
    for (int i = 0; i < 4; i++) to.values[i] = narrow<bf16>(from.values[i]);
    return to;
}

struct Rates {
    // SGD: learning rate. Adam: learning rate over 1 - beta1^t; root of 1 - beta2^t; 1 - rate * weight decay.
    float rate, root, keep, unused;
    // Longest gradient, 0 for none.
    double clip;
};

__device__ inline double block_sum(double sum) {
    __shared__ double sums[8];
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
    __syncthreads();
    double total = 0.0;
    for (int i = 0; i < 8; i++) total += sums[i];
    return total;
}

extern "C" __global__ void __launch_bounds__(256) gradient_squares(double *partial, const float *__restrict__ gradient, int n) {
    int first = (int)(blockIdx.x * 256 + threadIdx.x), stride = (int)gridDim.x * 256;
    double sum = 0.0;
#pragma unroll 4
    for (int run = first; run < n / 4; run += stride) {
        Four g = ((const Four *)gradient)[run];
#pragma unroll
        for (int v = 0; v < 4; v++) sum += (double)g.values[v] * (double)g.values[v];
    }
    for (int i = n / 4 * 4 + first; i < n; i += stride) sum += (double)gradient[i] * (double)gradient[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

// Whether this step updates, and by how much its gradient is shortened. Goes on to the next step: the rules find
// theirs before it.
extern "C" __global__ void __launch_bounds__(256) decide(State *state, Record *records, const double *partial, const Rates *rates, int blocks) {
    double squares = 0.0;
    for (int i = (int)threadIdx.x; i < blocks; i += 256) squares += partial[i];
    squares = block_sum(squares);
    if (threadIdx.x != 0) return;
    Record *record = records + state->step;
    double clip = rates[state->step].clip, norm = sqrt(squares);
    // A difference with itself is 0 for numbers alone.
    bool finite = record->loss - record->loss == 0.0 && squares - squares == 0.0;
    bool whole = state->failed == 0;
    record->refused = whole && !finite;
    record->overflowed = 0;
    record->done = whole;
    if (!finite) state->failed = 1;
    state->update = whole && finite;
    state->shrink = clip > 0.0 && norm > clip ? (float)(clip / norm) : 1.0f;
    state->step += 1;
}

__device__ inline bool finite(float value) { return (float_to_bits(value) & 0x7F800000u) != 0x7F800000u; }

// Every thread that sees it writes the same, so the order does not matter.
__device__ inline void overflow(State *state, Record *records) {
    records[state->step - 1].overflowed = 1;
    state->failed = 1;
}

// g <- shrink g + l2 p; v <- momentum v + g; p <- p - rate v.
struct Sgd {
    float rate, shrink, momentum, l2;

    // Whether the result is finite.
    __device__ bool operator()(float &p, float &v, float g) const {
        v = momentum * v + (g * shrink + l2 * p);
        p -= rate * v;
        return finite(p);
    }
};

// g <- shrink g + l2 p; m <- beta1 m + rest1 g; v <- beta2 v + rest2 g^2; p <- keep p - rate m / (root(v) / root + epsilon).
struct Adam {
    Rates now;
    float shrink, beta1, beta2, rest1, rest2, epsilon, l2;

    __device__ bool operator()(float &p, float &m, float &v, float g) const {
        g = g * shrink + l2 * p;
        m = beta1 * m + rest1 * g;
        v = beta2 * v + rest2 * (g * g);
        p = now.keep * p - now.rate * m / (sqrtf(v) / now.root + epsilon);
        return finite(p) && finite(v);
    }
};

// `copy`, where given, is p in bf16.
extern "C" __global__ void sgd(float *__restrict__ params, float *__restrict__ velocity, const float *__restrict__ gradient, bf16 *__restrict__ copy, State *state, Record *records, const Rates *rates, float momentum, float l2, int n) {
    if (state->update == 0) return;
    Sgd rule = {rates[state->step - 1].rate, state->shrink, momentum, l2};
    int first = (int)(blockIdx.x * blockDim.x + threadIdx.x), stride = (int)(gridDim.x * blockDim.x);
    bool good = true;
    for (int run = first; run < n / 4; run += stride) {
        Four p = ((const Four *)params)[run], v = ((const Four *)velocity)[run], g = ((const Four *)gradient)[run];
#pragma unroll
        for (int i = 0; i < 4; i++) good = rule(p.values[i], v.values[i], g.values[i]) && good;
        ((Four *)params)[run] = p;
        ((Four *)velocity)[run] = v;
        if (copy) ((Run<bf16, 4> *)copy)[run] = narrow(p);
    }
    for (int i = n / 4 * 4 + first; i < n; i += stride) {
        good = rule(params[i], velocity[i], gradient[i]) && good;
        if (copy) copy[i] = narrow<bf16>(params[i]);
    }
    if (!good) overflow(state, records);
}

extern "C" __global__ void adam(float *__restrict__ params, float *__restrict__ moment1, float *__restrict__ moment2, const float *__restrict__ gradient, bf16 *__restrict__ copy, State *state, Record *records, const Rates *rates, float beta1, float beta2, float rest1, float rest2, float epsilon, float l2, int n) {
    if (state->update == 0) return;
    Adam rule = {rates[state->step - 1], state->shrink, beta1, beta2, rest1, rest2, epsilon, l2};
    int first = (int)(blockIdx.x * blockDim.x + threadIdx.x), stride = (int)(gridDim.x * blockDim.x);
    bool good = true;
    for (int run = first; run < n / 4; run += stride) {
        Four p = ((const Four *)params)[run], m = ((const Four *)moment1)[run], v = ((const Four *)moment2)[run];
        Four g = ((const Four *)gradient)[run];
#pragma unroll
        for (int i = 0; i < 4; i++) good = rule(p.values[i], m.values[i], v.values[i], g.values[i]) && good;
        ((Four *)params)[run] = p;
        ((Four *)moment1)[run] = m;
        ((Four *)moment2)[run] = v;
        if (copy) ((Run<bf16, 4> *)copy)[run] = narrow(p);
    }
    for (int i = n / 4 * 4 + first; i < n; i += stride) {
        good = rule(params[i], moment1[i], moment2[i], gradient[i]) && good;
        if (copy) copy[i] = narrow<bf16>(params[i]);
    }
    if (!good) overflow(state, records);
}
