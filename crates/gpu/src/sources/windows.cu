// The largest value and the mean of square windows on x [images, h, w, c]: y [images, oh, ow, c], channel by channel; and
// their gradients, for which every pixel looks at the windows that it lies in, from the first to the last. All f32.
// Any grid and block; threads stride over the values of what is written.

struct Windows {
    int h, w, c, oh, ow, kernel, stride, padding;

    // Pixels from `from` to before `to` along a side that window `at` has.
    __device__ void pixels(int at, int side, int &from, int &to) const {
        from = at * stride - padding, to = from + kernel;
        if (from < 0) from = 0;
        if (to > side) to = side;
    }
    // Windows from `from` to before `to` along a side that have pixel `at`.
    __device__ void windows(int at, int count, int &from, int &to) const {
        int before = at + padding - kernel + 1;
        from = before > 0 ? (before + stride - 1) / stride : 0, to = (at + padding) / stride + 1;
        if (to > count) to = count;
    }
};

// Of equal ones the first counts, and NaN is larger than all. `place` [images, oh, ow, c] is the pixel that it came from.
extern "C" __global__ void largest(float *y, u32 *place, const float *x, int values, int h, int w, int c, int oh, int ow, int kernel, int stride, int padding) {
    Windows all{h, w, c, oh, ow, kernel, stride, padding};
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < values; i += gridDim.x * blockDim.x) {
        int channel = i % c, column = i / c % ow, row = i / c / ow % oh, image = i / c / ow / oh, top, bottom, left, right;
        all.pixels(row, h, top, bottom), all.pixels(column, w, left, right);
        const float *from = x + (long long)image * h * w * c + channel;
        float best = -INFINITE;
        u32 where = (u32)(top * w + left);
        for (int r = top; r < bottom; r++)
            for (int at = r * w + left; at < r * w + right; at++) {
                float value = from[(long long)at * c];
                if (value > best || value != value) best = value, where = (u32)at;
            }
        y[i] = best, place[i] = where;
    }
}

extern "C" __global__ void largest_gradient(float *dx, const float *dy, const u32 *place, int values, int h, int w, int c, int oh, int ow, int kernel, int stride, int padding) {
    Windows all{h, w, c, oh, ow, kernel, stride, padding};
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < values; i += gridDim.x * blockDim.x) {
        int channel = i % c, column = i / c % w, row = i / c / w % h, image = i / c / w / h, top, bottom, left, right;
        all.windows(row, oh, top, bottom), all.windows(column, ow, left, right);
        float sum = 0.0f;
        for (int r = top; r < bottom; r++)
            for (int o = left; o < right; o++) {
                long long at = (((long long)image * oh + r) * ow + o) * c + channel;
                if (place[at] == (u32)(row * w + column)) sum += dy[at];
            }
        dx[i] = sum;
    }
}

// Means over kernel * kernel pixels.
extern "C" __global__ void means(float *y, const float *x, int values, int h, int w, int c, int oh, int ow, int kernel, int stride, int padding) {
    Windows all{h, w, c, oh, ow, kernel, stride, padding};
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < values; i += gridDim.x * blockDim.x) {
        int channel = i % c, column = i / c % ow, row = i / c / ow % oh, image = i / c / ow / oh, top, bottom, left, right;
        all.pixels(row, h, top, bottom), all.pixels(column, w, left, right);
        const float *from = x + (long long)image * h * w * c + channel;
        float sum = 0.0f;
        for (int r = top; r < bottom; r++)
            for (int at = r * w + left; at < r * w + right; at++) sum += from[(long long)at * c];
        y[i] = sum * (1.0f / (float)(kernel * kernel));
    }
}

extern "C" __global__ void means_gradient(float *dx, const float *dy, int values, int h, int w, int c, int oh, int ow, int kernel, int stride, int padding) {
    Windows all{h, w, c, oh, ow, kernel, stride, padding};
    float share = 1.0f / (float)(kernel * kernel);
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < values; i += gridDim.x * blockDim.x) {
        int channel = i % c, column = i / c % w, row = i / c / w % h, image = i / c / w / h, top, bottom, left, right;
        all.windows(row, oh, top, bottom), all.windows(column, ow, left, right);
        float sum = 0.0f;
        for (int r = top; r < bottom; r++)
            for (int o = left; o < right; o++) sum += dy[(((long long)image * oh + r) * ow + o) * c + channel] * share;
        dx[i] = sum;
    }
}
