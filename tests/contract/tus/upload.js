// node upload.js ENDPOINT TOKEN FILE OPTIONS: uploads a file as tus-js-client does it; prints what came of it.
const fs = require('fs')
const tus = require('tus-js-client')

const [endpoint, token, path, options] = process.argv.slice(2)
let retries = 0
const upload = new tus.Upload(fs.readFileSync(path), {
  endpoint,
  headers: { Authorization: `Bearer ${token}` },
  metadata: { filename: 'größer.jpg', filetype: 'image/jpeg', title: 'From a client' },
  retryDelays: [0, 20, 50, 100, 500, 1000, 1000, 1000],
  onShouldRetry: () => {
    retries++
    return true
  },
  onError: (error) => {
    console.error(String(error))
    process.exit(1)
  },
  onSuccess: ({ lastResponse }) => {
    console.log(JSON.stringify({ url: upload.url, media: lastResponse.getHeader('Media-Id'), retries }))
  },
  ...JSON.parse(options),
})
upload.start()
