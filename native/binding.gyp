{
  "targets": [
    {
      "target_name": "deltamirror",
      "type": "loadable_module",
      "product_extension": "node",
      "sources": ["<!@(node build.mjs --sources)"],
      "include_dirs": ["<!(node build.mjs --headers)"],
      "cflags": ["-std=c11", "-O3", "-Wall", "-Wextra", "-fvisibility=hidden"],
      "xcode_settings": { "OTHER_CFLAGS": ["-std=c11", "-O3", "-Wall", "-Wextra"] }
    }
  ]
}
