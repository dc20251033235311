#ifndef TOCSIN_CCURL_SHIM_H
#define TOCSIN_CCURL_SHIM_H

#include <curl/curl.h>
#include <dlfcn.h>
#include <stdint.h>

// curl_easy_setopt and curl_easy_getinfo are variadic, which Swift cannot call: one typed function for each kind of argument.
// The parentheses keep curl's type-checking macro away, which wants to see the option as a constant.

/// OpenSSL, where libcurl brings it, takes its tables down when the process exits; the thread of a transfer may be ending in that moment, and
/// would then free its part a second time, or read what is gone. It is told to leave them to the kernel (OPENSSL_init_crypto(3)). It has no
/// header here because nothing else of it is used, and another libcurl may come with another TLS library.
static inline CURLcode ccurl_global_init(void) {
    const uint64_t no_atexit = 0x00080000;
    // No handle: in whatever is loaded.
    int (*initialize)(uint64_t, const void *) = (int (*)(uint64_t, const void *))dlsym(NULL, "OPENSSL_init_crypto");
    if (initialize != NULL) initialize(no_atexit, NULL);
    return curl_global_init(CURL_GLOBAL_ALL);
}

static inline CURLcode ccurl_set_long(CURL *handle, CURLoption option, long value) {
    return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode ccurl_set_offset(CURL *handle, CURLoption option, int64_t value) {
    return (curl_easy_setopt)(handle, option, (curl_off_t)value);
}

static inline CURLcode ccurl_set_string(CURL *handle, CURLoption option, const char *value) {
    return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode ccurl_set_pointer(CURL *handle, CURLoption option, const void *value) {
    return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode ccurl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
    return (curl_easy_setopt)(handle, option, value);
}

/// For CURLOPT_WRITEFUNCTION, CURLOPT_HEADERFUNCTION and CURLOPT_READFUNCTION, whose callbacks have one type.
static inline CURLcode ccurl_set_data_callback(CURL *handle, CURLoption option, size_t (*callback)(char *, size_t, size_t, void *)) {
    return (curl_easy_setopt)(handle, option, callback);
}

/// For CURLOPT_SEEKFUNCTION.
static inline CURLcode ccurl_set_seek_callback(CURL *handle, int (*callback)(void *, curl_off_t, int)) {
    return (curl_easy_setopt)(handle, CURLOPT_SEEKFUNCTION, callback);
}

/// For CURLOPT_XFERINFOFUNCTION.
static inline CURLcode ccurl_set_progress_callback(
    CURL *handle, int (*callback)(void *, curl_off_t, curl_off_t, curl_off_t, curl_off_t)) {
    return (curl_easy_setopt)(handle, CURLOPT_XFERINFOFUNCTION, callback);
}

static inline long ccurl_get_long(CURL *handle, CURLINFO information) {
    long value = 0;
    return (curl_easy_getinfo)(handle, information, &value) == CURLE_OK ? value : 0;
}

/// The result of the only transfer of `multi`, or -1 while it goes on.
static inline int ccurl_result(CURLM *multi) {
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) return (int)message->data.result;
    }
    return -1;
}

#endif
