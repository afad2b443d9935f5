{
  "targets": [
    {
      "target_name": "headgate",
      "sources": ["headgate_addon.cc", "file_writers.cc"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS"],
      "cflags_cc": ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-O2"],
      "xcode_settings": {
        "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
        "WARNING_CFLAGS": ["-Wall", "-Wextra", "-Werror"]
      }
    },
    {
      "target_name": "prefetch",
      "sources": ["prefetch.cc"],
      "cflags_cc": ["-O2"]
    },
    {
      "target_name": "request_head",
      "sources": ["request_head.cc"],
      "cflags_cc": ["-O3"]
    },
    {
      "target_name": "answer_writer",
      "sources": ["answer_writer.cc"],
      "cflags_cc": ["-O2"]
    },
    {
      "target_name": "ending",
      "sources": ["ending.cc"],
      "defines": ["NAPI_VERSION=8"],
      "cflags_cc": ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-O2"]
    }
  ]
}
